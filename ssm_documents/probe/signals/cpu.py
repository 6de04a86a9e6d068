"""The CPU signal: CPU time of the whole instance, containers included, without the probe and the SSM agent."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.meter import CounterDeltas, Stopwatch
from ssm_documents.probe.signals.processes import Process, find_gpudesk_pids, list_processes

NAMED_SHARE = 0.25
"""The reason names a process only if it used at least this share of the CPU time. Otherwise many processes used it."""


@dataclass(frozen=True)
class ProcessKey:
    """Identity of a process: another one with the same pid has another start time."""

    pid: int
    started: int


class CpuSensor:
    """Active if the busy time of all cores since the last reading reaches the threshold, in percent of one core.

    :param busy_seconds: returns the CPU time that the instance has used since boot
    :param processes: lists the running processes
    """

    name = "cpu"

    def __init__(
        self,
        busy_seconds: Callable[[], float] | None = None,
        processes: Callable[[], Sequence[Process]] = list_processes,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._busy_seconds = busy_seconds or read_busy_seconds
        self._processes = processes
        self._stopwatch = stopwatch or Stopwatch()
        current = processes()
        self._busy_delta = CounterDeltas({"busy": self._busy_seconds()})
        self._process_deltas = CounterDeltas(_collect_process_seconds(current))
        self._child_deltas = CounterDeltas(_collect_child_seconds(current))

    def read(self, thresholds: Thresholds) -> Reading:
        """Measure since the last reading."""
        seconds = self._stopwatch.lap()
        busy = self._busy_delta.advance({"busy": self._busy_seconds()})["busy"]
        current = self._processes()
        used, children = (
            self._process_deltas.advance(_collect_process_seconds(current)),
            self._child_deltas.advance(_collect_child_seconds(current)),
        )
        excluded_pids = find_gpudesk_pids(current)
        excluded = sum(used.pop(key) for key in tuple(used) if key.pid in excluded_pids) + sum(children.values())
        percent = _to_percent(max(busy - excluded, 0.0), seconds)
        if percent < thresholds.cpu_core_percent:
            return Reading(SignalState.QUIET, f"CPU at {percent} % of a core")
        names = {ProcessKey(process.pid, process.started): process.name for process in current}
        return Reading(SignalState.ACTIVE, _build_active_reason(used, names, percent, seconds))


def read_busy_seconds() -> float:
    """Return the time of user, nice, system and interrupts. Waiting for disks and stolen time do not count."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _collect_process_seconds(processes: Sequence[Process]) -> dict[ProcessKey, float]:
    return {ProcessKey(process.pid, process.started): process.cpu_seconds for process in processes}


def _collect_child_seconds(processes: Sequence[Process]) -> dict[int, float]:
    """Return the time of the ended children of the probe. Those of the agent are programs of people, so they count."""
    return {process.pid: process.children_seconds for process in processes if process.pid == os.getpid()}


def _build_active_reason(
    used: dict[ProcessKey, float], names: dict[ProcessKey, str], percent: int, seconds: float
) -> str:
    first = max(used, key=lambda key: used[key], default=None)
    share = _to_percent(used[first], seconds) if first else 0
    if first is None or share < percent * NAMED_SHARE:
        return f"CPU at {percent} % of a core, by many processes"
    return f"{names[first]} at {share} % of a core, {percent} % in all"


def _to_percent(busy: float, seconds: float) -> int:
    return round(100 * busy / seconds)
