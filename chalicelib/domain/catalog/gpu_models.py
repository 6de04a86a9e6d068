"""GPU models: what one GPU can do, and the CUDA toolkits and driver branches that support it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NVIDIA = "NVIDIA"

ONGOING = "ongoing"
"""Last version of a range that has no end yet: the newest version supports the GPU, too."""


MIN_CAPABILITIES = {"fp16_bf16_tflops": (7, 0), "int8_tops": (7, 2), "tf32_tflops": (8, 0), "fp8_tflops": (8, 9)}
"""First compute capability whose tensor cores have a format. An older GPU has no peak of it, so that is no gap.

https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications
"""


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Maximum performance of one GPU, from the data sheet of its maker. None: unknown.

    :param fp64_tflops: double precision, without the tensor cores
    :param fp32_tflops: single precision, without the tensor cores
    :param tf32_tflops: dense matrix products on the tensor cores, like all that follow but the last
    :param memory_gb_per_s: bandwidth of the GPU's own memory
    """

    fp64_tflops: float | None = None
    fp32_tflops: float | None = None
    tf32_tflops: float | None = None
    fp16_bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    int8_tops: float | None = None
    memory_gb_per_s: float | None = None


@dataclass(frozen=True)
class VersionRange:
    """The first and the last version that support a GPU. None: unknown.

    :param last: ONGOING: no end is announced
    """

    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, kw_only=True)
class GpuModel:
    """A model of GPU.

    :param name: the name in gpudesk, which tells models apart that AWS gives one name: "A100 40GB"
    :param aws_name: the name in EC2's DescribeInstanceTypes: "A100"
    :param aws_memory_mib: the memory there, if AWS has two models of one name; None: the name is enough
    :param compute_capability: None: unknown, or the GPU does not support CUDA
    :param cuda: CUDA toolkits
    :param drivers: branches of NVIDIA's driver: "R470"
    :param source: where the figures come from, and what is disputed
    """

    name: str
    maker: str | None
    aws_name: str
    aws_memory_mib: int | None = None
    architecture: str | None = None
    compute_capability: str | None = None
    peaks: Peaks = Peaks()
    cuda: VersionRange = VersionRange()
    drivers: VersionRange = VersionRange()
    source: str = ""

    @property
    def supports_cuda(self) -> bool:
        """Return whether CUDA runs on the GPU. The GPUs of other makers have no compute capability."""
        return self.maker == NVIDIA

    def has_precision(self, peak: str) -> bool:
        """Return whether the GPU can have this peak. If its compute capability is unknown, it can.

        :param peak: a field of `Peaks`
        """
        if self.compute_capability is None:
            return True
        capability = tuple(int(part) for part in self.compute_capability.split("."))
        return capability >= MIN_CAPABILITIES.get(peak, capability)


def find_model(models: Iterable[GpuModel], aws_name: str, memory_mib: int | None) -> GpuModel | None:
    """Return the model that AWS describes by a name and the memory of a whole GPU; None: the catalog has no such one.

    :param memory_mib: None: unknown, as of a slice of a GPU
    """
    for model in models:
        if model.aws_name == aws_name and model.aws_memory_mib in {None, memory_mib}:
            return model
    return None
