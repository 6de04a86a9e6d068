"""`pynvml` on a machine that has pretend GPUs: the functions that the probe calls, by what the host says they do.

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
    """As NVML's own."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801  NVML's name
    """This GPU cannot say that."""


@dataclass(frozen=True)
class Utilization:
    """Percent of the last sample period."""

    gpu: int
    memory: int


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    total: int
    used: int
    free: int


def nvmlInit() -> None:  # noqa: N802
    """:raises NVMLError: there are no GPUs here"""
    _device()


def nvmlShutdown() -> None:  # noqa: N802
    """Nothing is held."""


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return len(_utilisation())


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    """:raises NVMLError: there are fewer"""
    if not 0 <= index < nvmlDeviceGetCount():
        raise NVMLError("Invalid Argument")
    return index


def nvmlDeviceGetMigMode(handle: int) -> list[int]:  # noqa: N802, ARG001
    """:raises NVMLError_NotSupported: as a GPU that cannot be divided does"""
    raise NVMLError_NotSupported("Not Supported")


def nvmlDeviceGetUtilizationRates(handle: int) -> Utilization:  # noqa: N802
    percent = _utilisation()[handle]
    return Utilization(percent, percent // 2)


def nvmlDeviceGetSamples(handle: int, sampling_type: int, last_seen: int) -> None:  # noqa: N802, ARG001
    """:raises NVMLError_NotSupported: the pretend GPU keeps none"""
    raise NVMLError_NotSupported("Not Supported")


def nvmlDeviceGetMemoryInfo(handle: int) -> Memory:  # noqa: N802
    total = int(_device()["memory_mib"]) * MIB
    used = round(total * BUSY_SHARE_OF_MEMORY) if _utilisation()[handle] else IDLE_MEMORY_MIB * MIB
    return Memory(total, used, total - used)


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[object]:  # noqa: N802, ARG001
    return []


def _utilisation() -> list[int]:
    return [int(percent) for percent in _device()["utilisation"]]


def _device() -> dict[str, Any]:
    try:
        device: dict[str, Any] = json.loads(DEVICE_FILE.read_text())
    except FileNotFoundError as error:
        raise NVMLError("Driver Not Loaded") from error
    return device
