"""NVIDIA's management library (NVML), asked for one moment of every GPU.

What it does, as far as it matters here: utilisation is of the last sample period (a sixth of a second to a second), and
the driver keeps some ten seconds of such samples; with MIG there is none to be had. A library that is initialised keeps
the driver loaded. https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GpuProcess:
    """A process that has memory on a GPU.

    :param held: bytes; of the whole GPU where the driver does not tell the process's own
    """

    gpu: int
    pid: int
    held: int


@dataclass(frozen=True)
class GpuSnapshot:
    """One moment.

    :param percents: the highest utilisation since the last glimpse, by GPU; those that could not be read are left out
    :param problem: why not every GPU that is expected could be read; empty: all could
    """

    percents: dict[int, int]
    holders: tuple[GpuProcess, ...] = ()
    problem: str = ""


class _MigMode(Exception):
    """The GPU is cut into instances, and then nobody can tell its utilisation."""


class Nvml:
    """The library in use. Not for two threads at once.

    :param gpu_count: how many GPUs there must be
    :param load: gives the module `pynvml`, or one that behaves as it does
    """

    def __init__(self, gpu_count: int, load: Callable[[], Any] | None = None) -> None:
        self._expected = gpu_count
        self._load = load or (lambda: importlib.import_module("pynvml"))
        self._module: Any = None
        self._newest: dict[int, int] = {}

    @property
    def is_open(self) -> bool:
        """Whether the library is initialised."""
        return self._module is not None

    def open(self) -> str:
        """Initialise the library.

        :returns: why it cannot be; empty: it is
        """
        try:
            module = self._load()
            module.nvmlInit()
        except Exception as error:  # noqa: BLE001  the library and the driver are others' and may be anything
            return f"NVML: {error or type(error).__name__}"
        self._module, self._newest = module, {}
        return ""

    def snapshot(self) -> GpuSnapshot:
        """Every GPU now. After a fault the library is closed, for a driver that was replaced needs a new start."""
        try:
            count = self._module.nvmlDeviceGetCount()
        except Exception as error:  # noqa: BLE001  see above
            self._close()
            return GpuSnapshot({}, problem=f"NVML: {error or type(error).__name__}")
        faults = [f"{count} of {self._expected} GPUs seen"] if count < self._expected else []
        percents, in_mig_mode = {}, []
        for gpu in range(count):
            try:
                percents[gpu] = self._percent(gpu)
            except _MigMode:
                in_mig_mode.append(f"GPU {gpu} is in MIG mode: use not readable")
            except Exception as error:  # noqa: BLE001  see above
                faults.append(f"GPU {gpu}: {error or type(error).__name__}")
        holders = self._holders(count)
        if faults:
            self._close()
        return GpuSnapshot(percents, holders, next(iter(faults + in_mig_mode), ""))

    def _close(self) -> None:
        module, self._module = self._module, None
        with contextlib.suppress(Exception):
            module.nvmlShutdown()

    def _percent(self, gpu: int) -> int:
        """Its highest utilisation since the last glimpse."""
        module = self._module
        device = module.nvmlDeviceGetHandleByIndex(gpu)
        if self._is_mig(device):
            raise _MigMode
        now = int(module.nvmlDeviceGetUtilizationRates(device).gpu)
        return max([now, *self._samples(gpu, device)])

    def _is_mig(self, device: Any) -> bool:
        try:
            current, _ = self._module.nvmlDeviceGetMigMode(device)
        except Exception:  # noqa: BLE001  a GPU that knows no MIG says NotSupported, an old driver something else
            return False
        return bool(current)

    def _samples(self, gpu: int, device: Any) -> list[int]:
        """What the driver has kept since the last glimpse; nothing where it keeps none, or has none that is newer."""
        module = self._module
        try:
            _, samples = module.nvmlDeviceGetSamples(
                device, module.NVML_GPU_UTILIZATION_SAMPLES, self._newest.get(gpu, 0)
            )
        except Exception:  # noqa: BLE001  the utilisation of this moment was readable, and suffices
            return []
        # A place in the buffer that was never written has no time, and some drivers leave nonsense in others.
        written = [sample for sample in samples if sample.timeStamp > self._newest.get(gpu, 0)]
        self._newest[gpu] = max([self._newest.get(gpu, 0), *(each.timeStamp for each in written)])
        return [int(each.sampleValue.uiVal) for each in written if each.sampleValue.uiVal <= 100]

    def _holders(self, count: int) -> tuple[GpuProcess, ...]:
        """Whom the memory belongs to: for people, so what cannot be read is left out."""
        found: list[GpuProcess] = []
        for gpu in range(count):
            try:
                device = self._module.nvmlDeviceGetHandleByIndex(gpu)
                for process in self._module.nvmlDeviceGetComputeRunningProcesses(device):
                    held = process.usedGpuMemory
                    if held is None:
                        held = self._module.nvmlDeviceGetMemoryInfo(device).used
                    found.append(GpuProcess(gpu, int(process.pid), int(held)))
            except Exception:  # noqa: BLE001  see above
                continue
        return tuple(found)
