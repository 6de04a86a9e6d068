"""Fake `pynvml` with the functions that the probe calls. Utilization and memory are those that the host has set.

https://docs.nvidia.com/deploy/nvml-api/
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEVICE_FILE = Path("/.machine/device/gpu.json")

NVML_GPU_UTILIZATION_SAMPLES = 1

MIB = 1024 * 1024
IDLE_MEMORY_MIB = 3
BUSY_SHARE_OF_MEMORY = 0.3


class NVMLError(Exception):
    """Error of NVML."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801 - name in NVML
    """The GPU does not support this query."""


@dataclass(frozen=True)
class Utilization:
    """Utilization in the last sample period, in percent."""

    gpu: int
    memory: int


@dataclass(frozen=True)
class Memory:
    """Memory in bytes."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Process:
    """A process on a GPU, with its memory in bytes."""

    pid: int
    usedGpuMemory: int  # noqa: N815 - name in NVML


def nvmlInit() -> None:  # noqa: N802
    """Check that there are GPUs.

    :raises NVMLError: there are none
    """
    _read_device()


def nvmlShutdown() -> None:  # noqa: N802
    """Do nothing."""


def nvmlDeviceGetCount() -> int:  # noqa: N802
    """Return the number of GPUs."""
    return len(_read_utilization())


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    """Return the handle of a GPU, which is its index here.

    :raises NVMLError: the GPU does not exist
    """
    if not 0 <= index < nvmlDeviceGetCount():
        raise NVMLError("Invalid Argument")
    return index


def nvmlDeviceGetMigMode(handle: int) -> list[int]:  # noqa: N802, ARG001
    """Reject the query, as a GPU without MIG does.

    :raises NVMLError_NotSupported: always
    """
    raise NVMLError_NotSupported("Not Supported")


def nvmlDeviceGetUtilizationRates(handle: int) -> Utilization:  # noqa: N802
    """Return the utilization."""
    percent = _read_utilization()[handle]
    return Utilization(percent, percent // 2)


def nvmlDeviceGetSamples(handle: int, sampling_type: int, last_seen: int) -> None:  # noqa: N802, ARG001
    """Reject the query, because a fake GPU has no samples.

    :raises NVMLError_NotSupported: always
    """
    raise NVMLError_NotSupported("Not Supported")


def nvmlDeviceGetMemoryInfo(handle: int) -> Memory:  # noqa: N802
    """Return the memory. A busy GPU uses a fixed share of it."""
    total = int(_read_device()["memory_mib"]) * MIB
    used = round(total * BUSY_SHARE_OF_MEMORY) if _read_utilization()[handle] else IDLE_MEMORY_MIB * MIB
    return Memory(total, used, total - used)


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[Process]:  # noqa: N802
    """Return a process, the init process of the machine, if the GPU is busy."""
    busy = _read_utilization()[handle] > 0
    return [Process(1, nvmlDeviceGetMemoryInfo(handle).used)] if busy else []


def nvmlDeviceGetGraphicsRunningProcesses(handle: int) -> list[Process]:  # noqa: N802, ARG001
    """Return no processes."""
    return []


def _read_utilization() -> list[int]:
    return [int(percent) for percent in _read_device()["utilization"]]


def _read_device() -> dict[str, Any]:
    try:
        device: dict[str, Any] = json.loads(DEVICE_FILE.read_text())
    except FileNotFoundError as error:
        raise NVMLError("Driver Not Loaded") from error
    return device
