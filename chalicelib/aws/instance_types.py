"""Read the instance types of a region from EC2.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.domain.catalog.refresh import DescribedType
from chalicelib.domain.catalog.type_facts import HostKind, LocalDisks, TypeFacts

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

GPU_MAKERS = frozenset({"NVIDIA", "AMD"})
"""EC2 lists Habana's Gaudi (dl1) among the GPUs. It is an accelerator without CUDA, which no recipe can use."""


def describe_gpu_types(client: "EC2Client", more: Collection[str] = ()) -> Iterator[DescribedType]:
    """Yield the types of the region that have GPUs. No filter of EC2 selects them, so all types are read.

    :param more: names of types without a GPU to return, too
    :raises BotoCoreError, ClientError: EC2 cannot be called or rejects the call
    """
    for page in client.get_paginator("describe_instance_types").paginate():
        for info in page["InstanceTypes"]:
            gpu = _get_gpu(info)
            if gpu.get("Manufacturer") in GPU_MAKERS or info["InstanceType"] in more:
                yield parse_type_info(info)


def parse_type_info(info: Mapping[str, Any]) -> DescribedType:
    """Return a type from an element of EC2's response. What the element does not contain is None."""
    gpu, network = _get_gpu(info), info.get("NetworkInfo", {})
    classes = info.get("SupportedUsageClasses")
    facts = TypeFacts(
        name=info["InstanceType"],
        gpu=gpu.get("Name"),
        # EC2 counts whole GPUs, so the count of a slice is 0.
        gpu_count=(gpu.get("LogicalGpuCount") or gpu.get("Count")) if gpu else 0,
        gpu_memory_mib=gpu.get("MemoryInfo", {}).get("SizeInMiB") if gpu else 0,
        gpu_partition_size=gpu.get("GpuPartitionSize") or 1.0,
        vcpus=info.get("VCpuInfo", {}).get("DefaultVCpus"),
        memory_mib=info.get("MemoryInfo", {}).get("SizeInMiB"),
        arch=_choose_arch(info.get("ProcessorInfo", {}).get("SupportedArchitectures", ())),
        disks=_parse_disks(info),
        network=network.get("NetworkPerformance"),
        network_cards=network.get("MaximumNetworkCards"),
        has_efa=network.get("EfaSupported"),
        host=_parse_host(info),
        usage_classes=None if classes is None else tuple(sorted(classes)),
    )
    return DescribedType(
        facts=facts,
        gpu_maker=gpu.get("Manufacturer"),
        is_current_generation=bool(info.get("CurrentGeneration", True)),
    )


def _get_gpu(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the GPU of a type; empty: it has none. No type has GPUs of two models."""
    gpus = info.get("GpuInfo", {}).get("Gpus") or [{}]
    gpu: Mapping[str, Any] = gpus[0]
    return gpu


def _choose_arch(architectures: Collection[str]) -> str:
    """Return the architecture of the images that fit. Old types also run 32-bit systems."""
    return "arm64" if "arm64" in architectures else "x86_64"


def _parse_disks(info: Mapping[str, Any]) -> tuple[LocalDisks, ...] | None:
    if not info.get("InstanceStorageSupported"):
        return () if "InstanceStorageSupported" in info else None
    disks = info.get("InstanceStorageInfo", {}).get("Disks")
    return None if disks is None else tuple(LocalDisks(disk["Count"], disk["SizeInGB"]) for disk in disks)


def _parse_host(info: Mapping[str, Any]) -> HostKind | None:
    if info.get("BareMetal"):
        return HostKind.METAL
    hypervisor = info.get("Hypervisor")
    return HostKind(hypervisor) if hypervisor in set(HostKind) else None


def list_offered_types(client: "EC2Client") -> Iterator[str]:
    """Yield the names of all types that the region offers in any of its zones.

    :raises BotoCoreError, ClientError: EC2 cannot be called or rejects the call
    """
    for page in client.get_paginator("describe_instance_type_offerings").paginate(LocationType="region"):
        for offering in page["InstanceTypeOfferings"]:
            yield offering["InstanceType"]
