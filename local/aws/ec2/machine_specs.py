"""Specification of the machine that runs an instance, derived from moto's instance."""

from collections.abc import Container, Mapping
from typing import Any, Literal

from moto.ec2.models.instance_types import INSTANCE_TYPES

from local.aws.core.errors import CloudError
from local.aws.ec2.public_images import find_platform_version
from local.machines.host.interface import MachineSpec

NVIDIA_SMI_NAMES = {
    "T4": "Tesla T4",
    "T4g": "NVIDIA T4G",
    "V100": "Tesla V100-SXM2-32GB",
    "A100": "NVIDIA A100-SXM4-{memory_gb}GB",
    "H100": "NVIDIA H100 80GB HBM3",
    "RTX PRO 4500": "NVIDIA RTX PRO 4500 Blackwell",
    "RTX PRO Server 6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
}
"""Name of a GPU in nvidia-smi, by its name in EC2. For all other GPUs it is "NVIDIA" and EC2's name."""


def build_machine_spec(
    instance: Any, region: str, environment: Mapping[str, str], custom_image_ids: Container[str] = ()
) -> MachineSpec:
    """Return the machine of an instance. An instance type unknown to moto has no GPU.

    :param instance: moto's instance
    :param custom_image_ids: AMIs that were created from instances
    """
    gpu, gpu_count, gpu_memory_mib = _find_gpus(instance.instance_type)
    return MachineSpec(
        instance_id=instance.id,
        instance_type=instance.instance_type,
        region=region,
        gpu=gpu,
        gpu_count=gpu_count,
        gpu_memory_mib=gpu_memory_mib,
        arch=_convert_arch(instance.architecture),
        platform_version=find_platform_version(instance.image_id, region),
        environment=dict(environment),
        market="spot" if instance.lifecycle == "spot" else "on-demand",
        source_image=instance.image_id if instance.image_id in custom_image_ids else None,
    )


def count_gpus(instance_type: str) -> int:
    """Return the number of NVIDIA GPUs of an instance type."""
    return _find_gpus(instance_type)[1]


def require_architecture(instance_type: str, ami_architecture: str) -> None:
    """Refuse an instance type that cannot run an AMI. EC2 checks that at a launch, and again at a start.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resize-limitations.html. The code is that of RunInstances
    (https://github.com/skypilot-org/skypilot/issues/6315); for StartInstances no report was found.

    :raises CloudError: InvalidParameterValue
    """
    supported = INSTANCE_TYPES.get(instance_type, {}).get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    if supported and ami_architecture not in supported:
        raise CloudError(
            "InvalidParameterValue",
            f"The architecture '{','.join(supported)}' of the specified instance type does not match the architecture "
            f"'{ami_architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again.",
        )


def _find_gpus(instance_type: str) -> tuple[str | None, int, int]:
    gpus = INSTANCE_TYPES.get(instance_type, {}).get("GpuInfo", {}).get("Gpus", [])
    if not gpus or gpus[0]["Manufacturer"] != "NVIDIA":
        return None, 0, 0
    name, memory_mib = gpus[0]["Name"], gpus[0]["MemoryInfo"]["SizeInMiB"]
    return (
        NVIDIA_SMI_NAMES.get(name, f"NVIDIA {name}").format(memory_gb=memory_mib // 1024),
        gpus[0]["Count"] or gpus[0]["LogicalGpuCount"],
        memory_mib,
    )


def _convert_arch(architecture: str) -> Literal["x86_64", "arm64"]:
    return "arm64" if architecture == "arm64" else "x86_64"
