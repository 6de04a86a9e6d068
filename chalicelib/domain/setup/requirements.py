"""Requirements of a recipe: architectures, Ubuntu releases and GPUs; and the instance types that meet them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from chalicelib.domain.catalog.gpu_models import NVIDIA
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.common.text import join_or
from chalicelib.domain.setup.compute_capability import ComputeCapabilityRange, parse_range

UBUNTU_RELEASE_PATTERN = re.compile(r"ubuntu(?:/server/|-)([0-9]{2}\.[0-9]{2})")
"""Ubuntu release in the names of public SSM parameters: those of Canonical and of the Deep Learning AMIs."""

MAX_SUGGESTED_GPUS = 6


@dataclass(frozen=True)
class RecipeRequirements:
    """Properties that an instance must have for a recipe.

    :param architectures: supported CPU architectures
    :param ubuntu: supported Ubuntu releases
    :param compute_capability: required of every NVIDIA GPU; None: the recipe does not use GPUs
    :param supports_cpu: whether the recipe can be used without a GPU; its GPU steps are skipped there
    """

    architectures: tuple[str, ...]
    ubuntu: tuple[str, ...]
    compute_capability: ComputeCapabilityRange | None
    supports_cpu: bool

    def find_incompatibility(
        self, instance_type: InstanceType, image: str | None, subject: str | None = None
    ) -> str | None:
        """Return why the recipe does not support a type or an image, as a clause; None if it supports them.

        :param image: public SSM parameter of the image. Its release is not checked if its name does not contain one.
        :param subject: words for the type, if the clause is about several; None: its name
        """
        name, gpu = subject or instance_type.name, instance_type.gpu
        if instance_type.arch not in self.architectures:
            return f"{name} is {instance_type.arch}, and the recipe supports {join_or(self.architectures)}"
        release = parse_ubuntu_release(image)
        if release is not None and release not in self.ubuntu:
            return f"the image is Ubuntu {release}, and the recipe supports {join_or(self.ubuntu)}"
        if gpu is None:
            return None if self.supports_cpu else f"{name} has no GPU, and the recipe requires one"
        if self.compute_capability is None:
            return None
        required = self.compute_capability.for_architecture(instance_type.arch)
        actual = instance_type.compute_capability
        if actual is None and instance_type.gpu_maker in {NVIDIA, None}:
            return f"the compute capability of {gpu} is unknown, and the recipe requires {required}"
        if actual is None:
            return f"{gpu} does not support CUDA, and the recipe requires compute capability {required}"
        if not required.contains(actual):
            return f"{gpu} has compute capability {actual}, and the recipe requires {required}"
        return None

    def skips_gpu_steps(self, instance_type: InstanceType) -> bool:
        """Return whether the recipe uses GPUs and the type has none."""
        return self.compute_capability is not None and instance_type.gpu is None

    def intersect(self, other: RecipeRequirements) -> RecipeRequirements:
        """Return the requirements of a recipe that must meet both."""
        ranges = [limits for limits in (self.compute_capability, other.compute_capability) if limits is not None]
        return RecipeRequirements(
            architectures=tuple(
                architecture for architecture in self.architectures if architecture in other.architectures
            ),
            ubuntu=tuple(release for release in self.ubuntu if release in other.ubuntu),
            compute_capability=reduce(ComputeCapabilityRange.intersect, ranges) if ranges else None,
            supports_cpu=self.supports_cpu and other.supports_cpu,
        )


def parse_requirements(entry: Mapping[str, Any]) -> RecipeRequirements:
    """Return the requirements of a recipe from its JSON.

    :raises KeyError: a field is missing
    """
    capability = entry["compute_capability"]
    return RecipeRequirements(
        architectures=tuple(entry["architectures"]),
        ubuntu=tuple(entry["ubuntu"]),
        compute_capability=parse_range(capability) if capability else None,
        supports_cpu=entry["supports_cpu"],
    )


def parse_ubuntu_release(image: str | None) -> str | None:
    """Return the Ubuntu release in the name of a public SSM parameter; None if there is none."""
    match = UBUNTU_RELEASE_PATTERN.search(image or "")
    return match[1] if match else None


def suggest_types(
    requirements: RecipeRequirements,
    get_image: Callable[[InstanceType], str | None],
    catalog: InstanceTypeCatalog,
    region: str,
) -> str:
    """Return a sentence that names the cheapest compatible type of each GPU, and of the types without a GPU.

    :param get_image: returns the public SSM parameter of the image for a type
    """
    compatible = [
        instance_type
        for instance_type in catalog.types.values()
        if region in instance_type.prices and _is_compatible(requirements, instance_type, get_image)
    ]
    cheapest: dict[str | None, InstanceType] = {}
    for instance_type in sorted(compatible, key=lambda candidate: (candidate.prices[region], candidate.name)):
        cheapest.setdefault(instance_type.gpu, instance_type)
    with_gpu = [instance_type for gpu, instance_type in cheapest.items() if gpu is not None][:MAX_SUGGESTED_GPUS]
    suggested = [*with_gpu, *([cheapest[None]] if None in cheapest else [])]
    if not suggested:
        return f"No instance type in {region} is compatible."
    offers = (
        f"{instance_type.gpu or 'no GPU'} ({instance_type.name}, ${instance_type.prices[region]} per hour)"
        for instance_type in suggested
    )
    return f"Compatible in {region}: {join_or(offers)}."


def list_compatible_gpus(
    requirements: RecipeRequirements, get_image: Callable[[InstanceType], str | None], catalog: InstanceTypeCatalog
) -> list[str]:
    """Return every GPU that a recipe supports and that can be launched, sorted by name.

    :param get_image: returns the public SSM parameter of the image for a type
    """
    gpus = {
        instance_type.gpu
        for instance_type in catalog.types.values()
        if instance_type.gpu and _is_compatible(requirements, instance_type, get_image)
    }
    return sorted(gpus, key=str.lower)


def _is_compatible(
    requirements: RecipeRequirements, instance_type: InstanceType, get_image: Callable[[InstanceType], str | None]
) -> bool:
    """Return whether a type can be launched and meets the requirements."""
    if instance_type.unavailable is not None:
        return False
    return requirements.find_incompatibility(instance_type, get_image(instance_type)) is None
