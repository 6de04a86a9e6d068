"""Snapshots of all GPUs by NVML, NVIDIA's management library.

NVML gives the utilization of the last sample period (a sixth of a second to a second). The driver keeps about ten
seconds of such samples. With MIG there is no utilization. While the library is initialized, the driver stays loaded.
https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_HELD_BYTES = 2**44
"""No GPU has so much memory. Drivers answer 2**64-1 if they do not know a value."""

RESTART, OTHER_HARDWARE, OTHER_POLICY = (
    "stop and start the instance",
    "stop and start the instance to get other hardware",
    "use an idle policy without gpu",
)
HINTS = {
    3: OTHER_POLICY,  # NOT_SUPPORTED: a GPU without utilization
    9: RESTART,  # DRIVER_NOT_LOADED
    11: RESTART,  # IRQ_ISSUE
    12: OTHER_POLICY,  # LIBRARY_NOT_FOUND: no driver is installed
    14: OTHER_HARDWARE,  # CORRUPTED_INFOROM
    15: OTHER_HARDWARE,  # GPU_IS_LOST
    16: RESTART,  # RESET_REQUIRED
    17: RESTART,  # OPERATING_SYSTEM: the operating system has blocked the device
    18: RESTART,  # LIB_RM_VERSION_MISMATCH: an update has replaced the libraries under the loaded driver
    999: RESTART,  # UNKNOWN
}
"""Advice about an error of NVML, by its number.

https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
"""


@dataclass(frozen=True)
class GpuProcess:
    """A process that has allocated GPU memory.

    :param held_bytes: bytes; those of the whole GPU if the driver does not tell those of the process; 0: unknown
    """

    gpu: int
    pid: int
    held_bytes: int


@dataclass(frozen=True)
class GpuSnapshot:
    """The state of all GPUs at one time.

    :param percents: highest utilization since the last snapshot, by GPU; unreadable GPUs are left out
    :param problem: why not every expected GPU could be read, and what helps; empty: all could be read
    :param unused_gpus: the GPUs on which no process runs
    """

    percents: dict[int, int]
    memory_holders: tuple[GpuProcess, ...] = ()
    problem: str = ""
    unused_gpus: frozenset[int] = frozenset()


class _MigMode(Exception):
    """Raised for a GPU in MIG mode, which has no readable utilization."""


class Nvml:
    """An open NVML library. Not safe for use by two threads at once.

    :param gpu_count: expected number of GPUs
    :param load: returns the module `pynvml`, or a replacement
    """

    def __init__(self, gpu_count: int, load: Callable[[], Any] | None = None) -> None:
        self._expected_count = gpu_count
        self._load = load or (lambda: importlib.import_module("pynvml"))
        self._module: Any = None
        self._last_sample_times: dict[int, int] = {}

    @property
    def is_open(self) -> bool:
        """Return whether the library is initialized."""
        return self._module is not None

    def open(self) -> str:
        """Initialize the library.

        :returns: the problem; empty: the library is initialized
        """
        try:
            module = self._load()
            module.nvmlInit()
        except Exception as error:  # noqa: BLE001 - pynvml and the driver may raise anything
            return _describe("NVML", error)
        self._module, self._last_sample_times = module, {}
        return ""

    def take_snapshot(self) -> GpuSnapshot:
        """Read all GPUs. After a fault the library is closed, because a replaced driver needs a new initialization."""
        try:
            count = self._module.nvmlDeviceGetCount()
        except Exception as error:  # noqa: BLE001 - see above
            self._close()
            return GpuSnapshot({}, problem=_describe("NVML", error))
        faults = []
        if count < self._expected_count:
            faults.append(f"{count} of {self._expected_count} GPUs found; {OTHER_HARDWARE}")
        percents, in_mig_mode = {}, []
        for gpu in range(count):
            try:
                percents[gpu] = self._read_percent(gpu)
            except _MigMode:
                in_mig_mode.append(f"GPU {gpu} is in MIG mode: no utilization; {OTHER_POLICY}")
            except Exception as error:  # noqa: BLE001 - see above
                faults.append(_describe(f"GPU {gpu}", error))
        holders, unused = self._list_holders(count)
        if faults:
            self._close()
        return GpuSnapshot(percents, holders, next(iter(faults + in_mig_mode), ""), unused)

    def _close(self) -> None:
        module, self._module = self._module, None
        with contextlib.suppress(Exception):
            module.nvmlShutdown()

    def _read_percent(self, gpu: int) -> int:
        """Return the highest utilization of a GPU since the last snapshot.

        :raises ValueError: the driver answers what is no utilization
        """
        module = self._module
        device = module.nvmlDeviceGetHandleByIndex(gpu)
        if self._is_in_mig_mode(device):
            raise _MigMode
        current = int(module.nvmlDeviceGetUtilizationRates(device).gpu)
        if not 0 <= current <= 100:
            raise ValueError(f"a utilization of {current} % is impossible; {RESTART}")
        return max([current, *self._read_samples(gpu, device)])

    def _is_in_mig_mode(self, device: Any) -> bool:
        try:
            current, _ = self._module.nvmlDeviceGetMigMode(device)
        except Exception:  # noqa: BLE001 - NotSupported without MIG, other errors with old drivers
            return False
        return bool(current)

    def _read_samples(self, gpu: int, device: Any) -> list[int]:
        """Return the driver's samples since the last snapshot; an empty list if it has none."""
        module = self._module
        try:
            _, samples = module.nvmlDeviceGetSamples(
                device, module.NVML_GPU_UTILIZATION_SAMPLES, self._last_sample_times.get(gpu, 0)
            )
        except Exception:  # noqa: BLE001 - the current utilization was readable and is enough
            return []
        # Unused places of the buffer have time 0, and some drivers leave invalid values in others.
        written = [sample for sample in samples if sample.timeStamp > self._last_sample_times.get(gpu, 0)]
        self._last_sample_times[gpu] = max(
            [self._last_sample_times.get(gpu, 0), *(sample.timeStamp for sample in written)]
        )
        return [int(sample.sampleValue.uiVal) for sample in written if sample.sampleValue.uiVal <= 100]

    def _list_holders(self, count: int) -> tuple[tuple[GpuProcess, ...], frozenset[int]]:
        """Return the processes with GPU memory, and the GPUs without any process, as information for people.

        Unreadable GPUs are in neither.
        """
        processes: list[GpuProcess] = []
        unused = set()
        for gpu in range(count):
            try:
                device = self._module.nvmlDeviceGetHandleByIndex(gpu)
                computing = self._module.nvmlDeviceGetComputeRunningProcesses(device)
                processes += [
                    GpuProcess(gpu, int(process.pid), self._read_held_bytes(device, process)) for process in computing
                ]
                if not computing and not self._module.nvmlDeviceGetGraphicsRunningProcesses(device):
                    unused.add(gpu)
            except Exception:  # noqa: BLE001 - see above
                continue
        return tuple(processes), frozenset(unused)

    def _read_held_bytes(self, device: Any, process: Any) -> int:
        held = process.usedGpuMemory
        if held is None or not 0 <= held <= MAX_HELD_BYTES:
            held = self._module.nvmlDeviceGetMemoryInfo(device).used
        return int(held) if 0 <= held <= MAX_HELD_BYTES else 0


def _describe(subject: str, error: Exception) -> str:
    """Return what failed, why, and what helps as far as it is known."""
    hint = HINTS.get(getattr(error, "value", 0))
    return f"{subject}: {str(error).rstrip('.') or type(error).__name__}" + (f"; {hint}" if hint else "")
