"""The GPU signal: whether any GPU has computed since the last look, sampled several times in between."""

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

SAMPLES_PER_LOOK = 12
"""Each five seconds: the driver keeps some ten seconds of its own samples, so nothing between two is missed."""

FIRST_SAMPLE_SECONDS = 5.0
"""A driver that was not in use takes a second or two to start."""

GIB = 1024**3


class GpuSensor:
    """Active if any sample of any GPU since the last look reached the threshold; quiet only if each sample saw every
    expected GPU, all below it, and the last one is fresh; else unknown.

    Memory that a process merely holds is quiet, and said.

    :param gpu_count: how many there must be
    :param interval_seconds: between two looks
    :param load: gives the module `pynvml`, or one that behaves as it does
    """

    name = "gpu"

    def __init__(
        self,
        gpu_count: int,
        interval_seconds: float,
        load: Callable[[], Any] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        program: Callable[[int], str] = read_name,
    ) -> None:
        self._count = gpu_count
        self._period = interval_seconds / SAMPLES_PER_LOOK
        self._nvml = Nvml(gpu_count, load)
        self._clock = clock
        self._program = program
        self._lock = threading.Lock()
        self._may_open = True
        self._first = threading.Event()
        self._sampled_at = clock()
        self._peaks: dict[int, int] = {}
        self._problem = ""
        self._last_problem = ""
        self._holders: tuple[GpuProcess, ...] = ()

    def start(self) -> None:
        """Sample in the background, as long as the program runs."""
        threading.Thread(target=run_every, args=(self._period, self.sample), name="gpu", daemon=True).start()

    def sample(self) -> None:
        """Take one sample. A library that could not be opened is tried again once for each look."""
        if self._nvml.is_open:
            glimpse = self._nvml.snapshot()
        elif self._may_open:
            self._may_open = False
            problem = self._nvml.open()
            glimpse = GpuSnapshot({}, problem=problem) if problem else self._nvml.snapshot()
        else:
            return
        with self._lock:
            self._note(glimpse)
        self._first.set()

    def read(self, thresholds: Thresholds) -> Reading:
        """What the samples since the last look say."""
        self._first.wait(FIRST_SAMPLE_SECONDS)
        with self._lock:
            peaks, self._peaks = self._peaks, {}
            problem, self._problem = self._problem, ""
            age = self._clock() - self._sampled_at
            last_problem, holders = self._last_problem, self._holders
        self._may_open = True
        working = {gpu: percent for gpu, percent in peaks.items() if percent >= thresholds.gpu_percent}
        if working:
            gpu = max(working, key=lambda each: working[each])
            also = f", {len(working)} GPUs busy" if len(working) > 1 else ""
            return Reading(SignalState.ACTIVE, f"GPU {gpu} of {self._count} at {working[gpu]} %{also}")
        if problem or (last_problem and not peaks):
            return Reading(SignalState.UNKNOWN, problem or last_problem)
        if not peaks or age > self._period * SAMPLES_PER_LOOK / 2:
            return Reading(SignalState.UNKNOWN, f"NVML has not answered for {age:.0f} s")
        return Reading(SignalState.QUIET, self._at_rest(holders, thresholds))

    def _note(self, glimpse: GpuSnapshot) -> None:
        for gpu, percent in glimpse.percents.items():
            self._peaks[gpu] = max(percent, self._peaks.get(gpu, 0))
        self._problem = self._problem or glimpse.problem
        self._last_problem = glimpse.problem
        self._holders = glimpse.holders
        self._sampled_at = self._clock()

    def _at_rest(self, holders: tuple[GpuProcess, ...], thresholds: Thresholds) -> str:
        if not holders:
            which = f"all {self._count} GPUs" if self._count > 1 else "the GPU is"
            return f"{which} below {thresholds.gpu_percent} %"
        first = max(holders, key=lambda each: each.held)
        who = f"{self._program(first.pid)} ({first.pid})"
        more = f" ({len(holders) - 1} more hold some)" if len(holders) > 1 else ""
        return f"{who} holds {first.held / GIB:.1f} GiB on GPU {first.gpu}, computes nothing{more}"
