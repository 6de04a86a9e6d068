"""Facts of an instance type that AWS publishes by DescribeInstanceTypes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HostKind(StrEnum):
    """The host of an instance. A bare metal host tests its hardware first, so each boot takes up to 25 minutes."""

    NITRO = "nitro"
    XEN = "xen"
    METAL = "metal"


@dataclass(frozen=True)
class LocalDisks:
    """Disks of one size on the host, which a stop empties."""

    count: int
    size_gb: int


@dataclass(frozen=True, kw_only=True)
class TypeFacts:
    """The hardware of an instance type. None: AWS has not published it, or no source was found.

    :param gpu: name of the GPU model in the catalog; None: the type has no GPU
    :param gpu_count: GPUs that the system sees, a slice of a GPU included; 0: the type has none
    :param gpu_memory_mib: memory of one GPU, or of the slice
    :param gpu_partition_size: the part of a GPU that each of them is: 0.125 for a slice
    :param arch: x86_64 or arm64
    :param disks: (): none
    :param network: network performance in the words of AWS: "Up to 25 Gigabit"
    :param has_efa: whether the type has the Elastic Fabric Adapter, which training on several instances needs
    :param usage_classes: how AWS sells the type: on-demand, spot, capacity-block
    """

    name: str
    gpu: str | None = None
    gpu_count: int | None = None
    gpu_memory_mib: int | None = None
    gpu_partition_size: float = 1.0
    vcpus: int | None = None
    memory_mib: int | None = None
    arch: str
    disks: tuple[LocalDisks, ...] | None = None
    network: str | None = None
    network_cards: int | None = None
    has_efa: bool | None = None
    host: HostKind | None = None
    usage_classes: tuple[str, ...] | None = None

    @property
    def whole_gpu_count(self) -> int | None:
        """Return the number of whole GPUs: a slice is none."""
        return self.gpu_count if self.gpu_partition_size >= 1 else 0

    @property
    def memory_gib(self) -> float | None:
        """Return the memory of the type."""
        return None if self.memory_mib is None else self.memory_mib / 1024

    @property
    def instance_store_gb(self) -> int:
        """Return the size of all local disks together; 0 also if it is unknown."""
        return sum(disks.count * disks.size_gb for disks in self.disks or ())
