"""Public AMIs of Canonical and Amazon whose ids are in public SSM parameters."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict

from local.aws.core.patches import Patches
from local.aws.ec2.disks import build_root_mapping

PUBLISHED_AT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class PublicImage:
    """A public AMI as its publisher describes it.

    :param parameter: name of the SSM parameter that contains the id of the AMI
    :param owner_id: account of the publisher
    :param snapshot_gib: size of the root snapshot, which is the smallest size of a root volume
    """

    parameter: str
    name: str
    owner_id: str
    arch: str
    snapshot_gib: int
    root_device: str
    platform_version: str

    def build_id(self, region: str) -> str:
        """Return the id. It is the same in each run and different in each region."""
        return "ami-" + hashlib.sha256(f"{region}{self.parameter}".encode()).hexdigest()[:17]


CANONICAL = "099720109477"
AMAZON = "898082745236"

CODE_NAMES = {"18.04": "bionic", "22.04": "jammy", "24.04": "noble"}


def _build_ubuntu_image(arch: str, volume: str, release: str = "22.04") -> PublicImage:
    return PublicImage(
        parameter=f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{arch}/hvm/ebs-{volume}/ami-id",
        name=f"ubuntu/images/hvm-ssd/ubuntu-{CODE_NAMES[release]}-{release}-{arch}-server-20260102-{volume}",
        owner_id=CANONICAL,
        arch="x86_64" if arch == "amd64" else "arm64",
        snapshot_gib=8,
        root_device="/dev/sda1",
        platform_version=release,
    )


def _build_deep_learning_image(arch: str, kind: str, snapshot_gib: int, system: str = "ubuntu-22.04") -> PublicImage:
    is_ubuntu = system.startswith("ubuntu")
    return PublicImage(
        parameter=f"/aws/service/deeplearning/ami/{arch}/{kind}-{system}/latest/ami-id",
        name=f"Deep Learning {kind} ({system}, {arch}) 20260102",
        owner_id=AMAZON,
        arch=arch,
        snapshot_gib=snapshot_gib,
        root_device="/dev/sda1" if is_ubuntu else "/dev/xvda",
        platform_version=system.removeprefix("ubuntu-") if is_ubuntu else "2023",
    )


BASE_IMAGE = "base-oss-nvidia-driver-gpu"

PUBLIC_IMAGES = (
    *(_build_ubuntu_image(arch, volume) for arch in ("amd64", "arm64") for volume in ("gp2", "gp3")),
    *(_build_ubuntu_image(arch, "gp2", "18.04") for arch in ("amd64", "arm64")),
    *(_build_ubuntu_image(arch, "gp3", "24.04") for arch in ("amd64", "arm64")),
    *(_build_deep_learning_image(arch, BASE_IMAGE, 35) for arch in ("x86_64", "arm64")),
    *(_build_deep_learning_image(arch, BASE_IMAGE, 35, "ubuntu-24.04") for arch in ("x86_64", "arm64")),
    *(_build_deep_learning_image(arch, BASE_IMAGE, 35, "amazon-linux-2023") for arch in ("x86_64", "arm64")),
    *(_build_deep_learning_image(arch, "oss-nvidia-driver-gpu-pytorch-2.7", 45) for arch in ("x86_64", "arm64")),
)
"""AMIs whose parameters occur in public code. The Deep Learning snapshots have about the sizes that AWS publishes."""

_BY_PARAMETER = {image.parameter: image for image in PUBLIC_IMAGES}


class PublicAmi(Ami):
    """moto's AMI with a snapshot of its real size on its real root device."""

    def __init__(self, ec2_backend: Any, image: PublicImage) -> None:
        """Create the AMI in the backend's region."""
        super().__init__(
            ec2_backend,
            image.build_id(ec2_backend.region_name),
            name=image.name,
            description=image.name,
            owner_id=image.owner_id,
            owner_alias="amazon",
            public=True,
            virtualization_type="hvm",
            architecture=image.arch,
            creation_date=PUBLISHED_AT,
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=image.root_device,
            region_name=ec2_backend.region_name,
        )
        self.snapshot_gib = image.snapshot_gib
        self.ebs_snapshot.volume.size = image.snapshot_gib

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the mapping of the root volume."""
        return [build_root_mapping(self, is_encrypted=False)]


def publish_images(ec2_backend: Any, image_ids: Iterable[str]) -> None:
    """Add the public AMIs among `image_ids` to the region of this backend."""
    public = _map_by_image_id(ec2_backend.region_name)
    for image_id in image_ids:
        if image_id in public and image_id not in ec2_backend.amis:
            ec2_backend.amis[image_id] = PublicAmi(ec2_backend, public[image_id])


def find_platform_version(image_id: str, region: str) -> str:
    """Return the release of an AMI's operating system; 22.04 for an AMI that is not a public one."""
    image = _map_by_image_id(region).get(image_id)
    return image.platform_version if image else "22.04"


def patch(patches: Patches) -> None:
    """Provide the AMIs to DescribeImages by id, and their parameters to GetParameter and GetParameters.

    moto's own AMIs are not loaded. gpudesk uses none of them, and moto creates hundreds for each region.
    """
    patches.add(AmiBackend, "_load_amis", _load_nothing)
    patches.wrap(AmiBackend, "describe_images", _publish_described)
    patches.wrap(ParameterDict, "__contains__", _extend_contains)
    patches.wrap(ParameterDict, "__getitem__", _extend_get_item)


def _load_nothing(_: Any) -> None:
    """Load no AMI."""


def _publish_described(original: Callable[..., Any]) -> Callable[..., Any]:
    def describe_images(backend: Any, ami_ids: Any = None, *args: Any, **kwargs: Any) -> Any:
        publish_images(backend, ami_ids or ())
        return original(backend, ami_ids, *args, **kwargs)

    return describe_images


def _extend_contains(original: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    def contains(parameters: Any, name: str) -> bool:
        return name in _BY_PARAMETER or original(parameters, name)

    return contains


def _extend_get_item(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def get_item(parameters: Any, name: str) -> Any:
        image = _BY_PARAMETER.get(name)
        if image is None:
            return original(parameters, name)
        return [
            Parameter(  # type: ignore[abstract]
                account_id=parameters.account_id,
                name=name,
                value=image.build_id(parameters.region_name),
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=PUBLISHED_AT,
                version=1,
                data_type="aws:ec2:image",
            )
        ]

    return get_item


@cache
def _map_by_image_id(region: str) -> dict[str, PublicImage]:
    return {image.build_id(region): image for image in PUBLIC_IMAGES}
