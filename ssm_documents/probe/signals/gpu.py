"""The GPU signal: the highest utilization of any GPU since the last reading, sampled several times in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.interval import run_every
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.nvml import GpuProcess, GpuSnapshot, Nvml
from ssm_documents.probe.signals.processes import read_name

SAMPLES_PER_READING = 12
"""One sample every five seconds. The driver stores samples of about ten seconds, so nothing is missed."""

FIRST_SAMPLE_SECONDS = 5.0
"""Wait for the first sample: an unused driver takes one or two seconds to start."""

GIB = 1024**3


class GpuSensor:
    """Active if any sample of any GPU since the last reading reached the threshold.

    Quiet only if every sample saw all expected GPUs below the threshold and the last sample is fresh; otherwise
    unknown. Allocated memory alone is quiet, but the reason names the process. Utilization without a process, as after
    a fault of the driver, is active, and the reason says it.

    :param gpu_count: expected number of GPUs
    :param interval_seconds: time between two readings
    :param load: returns the module `pynvml`, or a replacement
    :param read_process_name: returns the name of a process
    """

    name = "gpu"

    def __init__(
        self,
        gpu_count: int,
        interval_seconds: float,
        load: Callable[[], Any] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        read_process_name: Callable[[int], str] = read_name,
    ) -> None:
        self._gpu_count = gpu_count
        self._sample_seconds = interval_seconds / SAMPLES_PER_READING
        self._nvml = Nvml(gpu_count, load)
        self._clock = clock
        self._read_name = read_process_name
        self._lock = threading.Lock()
        self._may_open = True
        self._has_sample = threading.Event()
        self._sampled_at = clock()
        self._peaks: dict[int, int] = {}
        self._problem = ""
        self._last_problem = ""
        self._memory_holders: tuple[GpuProcess, ...] = ()
        self._unused_gpus: frozenset[int] | None = None

    def start(self) -> None:
        """Sample in a background thread, as long as the program runs."""
        threading.Thread(
            target=run_every, args=(self._sample_seconds, self.take_sample), name="gpu", daemon=True
        ).start()

    def take_sample(self) -> None:
        """Take one sample. If NVML could not be opened, try again once per reading."""
        if self._nvml.is_open:
            snapshot = self._nvml.take_snapshot()
        elif self._may_open:
            self._may_open = False
            problem = self._nvml.open()
            snapshot = GpuSnapshot({}, problem=problem) if problem else self._nvml.take_snapshot()
        else:
            return
        with self._lock:
            self._record(snapshot)
        self._has_sample.set()

    def read(self, thresholds: Thresholds) -> Reading:
        """Evaluate the samples since the last reading."""
        self._has_sample.wait(FIRST_SAMPLE_SECONDS)
        with self._lock:
            peaks, self._peaks = self._peaks, {}
            problem, self._problem = self._problem, ""
            unused, self._unused_gpus = self._unused_gpus, None
            age = self._clock() - self._sampled_at
            last_problem, holders = self._last_problem, self._memory_holders
        self._may_open = True
        active = {gpu: percent for gpu, percent in peaks.items() if percent >= thresholds.gpu_percent}
        if active:
            gpu = max(active, key=lambda index: active[index])
            others = f", {len(active)} GPUs busy" if len(active) > 1 else ""
            process = ", no process on it" if unused and gpu in unused else ""
            return Reading(SignalState.ACTIVE, f"GPU {gpu} of {self._gpu_count} at {active[gpu]} %{process}{others}")
        if problem or (last_problem and not peaks):
            return Reading(SignalState.UNKNOWN, problem or last_problem)
        if not peaks or age > self._sample_seconds * SAMPLES_PER_READING / 2:
            return Reading(SignalState.UNKNOWN, f"NVML has not answered for {age:.0f} s")
        return Reading(SignalState.QUIET, self._build_quiet_reason(holders, thresholds))

    def _record(self, snapshot: GpuSnapshot) -> None:
        for gpu, percent in snapshot.percents.items():
            self._peaks[gpu] = max(percent, self._peaks.get(gpu, 0))
        self._problem = self._problem or snapshot.problem
        self._last_problem = snapshot.problem
        self._memory_holders = snapshot.memory_holders
        unused = self._unused_gpus
        self._unused_gpus = snapshot.unused_gpus if unused is None else unused & snapshot.unused_gpus
        self._sampled_at = self._clock()

    def _build_quiet_reason(self, holders: tuple[GpuProcess, ...], thresholds: Thresholds) -> str:
        if not holders:
            subject = f"all {self._gpu_count} GPUs are" if self._gpu_count > 1 else "the GPU is"
            return f"{subject} below {thresholds.gpu_percent} %"
        largest = max(holders, key=lambda process: process.held_bytes)
        name = f"{self._read_name(largest.pid)} ({largest.pid})"
        more = len(holders) - 1
        others = f" ({'1 more process holds' if more == 1 else f'{more} more processes hold'} memory)" if more else ""
        held = f"{largest.held_bytes / GIB:.1f} GiB" if largest.held_bytes else "memory"
        return f"{name} holds {held} on GPU {largest.gpu} and computes nothing{others}"
