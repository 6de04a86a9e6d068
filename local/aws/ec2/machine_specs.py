"""From EC2's description of an instance to the pretend machine that plays it."""

from collections.abc import Container, Mapping
from typing import Any, Literal

from moto.ec2.models.instance_types import INSTANCE_TYPES

from local.aws.ec2.images import platform_version
from local.machines.host.port import MachineSpec

NVIDIA_SMI_NAMES = {
    "T4": "Tesla T4",
    "T4g": "NVIDIA T4G",
    "V100": "Tesla V100-SXM2-32GB",
    "A100": "NVIDIA A100-SXM4-{memory_gb}GB",
    "H100": "NVIDIA H100 80GB HBM3",
    "RTX PRO 4500": "NVIDIA RTX PRO 4500 Blackwell",
    "RTX PRO Server 6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
}
"""EC2's name of a GPU to its driver's, where that is not "NVIDIA" before it."""


def build_machine_spec(
    instance: Any, region: str, environment: Mapping[str, str], custom_image_ids: Container[str] = ()
) -> MachineSpec:
    """`instance` is moto's; a type that moto has no data for has no GPU.

    :param custom_image_ids: ids of the AMIs that were made of machines here
    """
    gpu, gpu_count, gpu_memory_mib = _gpus(instance.instance_type)
    return MachineSpec(
        instance_id=instance.id,
        instance_type=instance.instance_type,
        region=region,
        gpu=gpu,
        gpu_count=gpu_count,
        gpu_memory_mib=gpu_memory_mib,
        arch=_arch(instance.architecture),
        platform_version=platform_version(instance.image_id, region),
        environment=dict(environment),
        copy_of=instance.image_id if instance.image_id in custom_image_ids else None,
    )


def _gpus(instance_type: str) -> tuple[str | None, int, int]:
    gpus = INSTANCE_TYPES.get(instance_type, {}).get("GpuInfo", {}).get("Gpus", [])
    if not gpus or gpus[0]["Manufacturer"] != "NVIDIA":
        return None, 0, 0
    name, memory_mib = gpus[0]["Name"], gpus[0]["MemoryInfo"]["SizeInMiB"]
    return (
        NVIDIA_SMI_NAMES.get(name, f"NVIDIA {name}").format(memory_gb=memory_mib // 1024),
        gpus[0]["Count"] or gpus[0]["LogicalGpuCount"],
        memory_mib,
    )


def _arch(architecture: str) -> Literal["x86_64", "arm64"]:
    return "arm64" if architecture == "arm64" else "x86_64"
