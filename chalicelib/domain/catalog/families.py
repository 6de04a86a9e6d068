"""Families of instance types: what their types have in common, and where the facts come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chalicelib.domain.catalog.gpu_models import NVIDIA
from chalicelib.domain.catalog.type_facts import TypeFacts


class FamilyStatus(StrEnum):
    """Status of a family at AWS.

    LEGACY: AWS no longer lists the family; accounts that use it may still launch it. RETIRED: nobody can launch it.
    ULTRASERVER: AWS sells it in racks only.
    """

    CURRENT = "current"
    PREVIOUS_GENERATION = "previous-generation"
    LEGACY = "legacy"
    RETIRED = "retired"
    ULTRASERVER = "ultraserver"


class Obstacle(StrEnum):
    """Why gpudesk cannot launch a family that AWS offers."""

    PROPRIETARY_DRIVER = "proprietary-driver"
    GRID_DRIVER = "grid-driver"


@dataclass(frozen=True, kw_only=True)
class TypeFamily:
    """A family of instance types.

    :param image: public SSM parameter with the id of the AMI to launch; None: no image fits
    :param obstacle: None: none
    :param instead: types to use instead of those that cannot be launched, for people; None: no advice
    :param source: where the facts come from
    :param as_of: day for which the source is right, as far as it is known
    """

    name: str
    status: FamilyStatus
    image: str | None
    obstacle: Obstacle | None
    instead: str | None
    source: str
    as_of: date
    types: Mapping[str, TypeFacts]


def get_family_name(type_name: str) -> str:
    """Return the family in the name of a type: "p6-b200" of "p6-b200.48xlarge"."""
    return type_name.partition(".")[0]


def choose_image_parameter(arch: str, gpu_maker: str | None) -> str:
    """Return the public SSM parameter of the image for a family that the catalog does not know.

    The newest image has the newest driver, which a new GPU needs.
    """
    if gpu_maker == NVIDIA:
        return f"/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
    arch = "amd64" if arch == "x86_64" else arch
    return f"/aws/service/canonical/ubuntu/server/22.04/stable/current/{arch}/hvm/ebs-gp2/ami-id"
