"""The CPU signal: what the whole machine computes, containers included, without the probe's and the agent's share."""

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
"""A process that used less than this share of it all is not the one to name: then it was many, or short-lived ones."""


@dataclass(frozen=True)
class Key:
    """A process, told from another that gets its pid later, and the same after it has taken another name."""

    pid: int
    started: int


class CpuSensor:
    """Active if all cores together were busy for more than the threshold, in percent of one core, between two looks.

    :param busy_seconds: CPU time that the machine has used since boot
    :param processes: lists those that run
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
        now = processes()
        self._machine = CounterDeltas({"busy": self._busy_seconds()})
        self._used = CounterDeltas(_used(now))
        self._children = CounterDeltas(_children(now))

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once."""
        seconds = self._stopwatch.lap()
        busy = self._machine.advance({"busy": self._busy_seconds()})["busy"]
        now = self._processes()
        used, children = self._used.advance(_used(now)), self._children.advance(_children(now))
        own = find_gpudesk_pids(now)
        ours = sum(used.pop(key) for key in tuple(used) if key.pid in own) + sum(children.values())
        percent = _percent(max(busy - ours, 0.0), seconds)
        if percent < thresholds.cpu_core_percent:
            return Reading(SignalState.QUIET, f"CPU at {percent} % of a core")
        names = {Key(each.pid, each.started): each.name for each in now}
        return Reading(SignalState.ACTIVE, _who(used, names, percent, seconds))


def read_busy_seconds() -> float:
    """User, nice, system and interrupts; waiting for a disk and what the host took away are no work."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _used(processes: Sequence[Process]) -> dict[Key, float]:
    return {Key(process.pid, process.started): process.cpu_seconds for process in processes}


def _children(processes: Sequence[Process]) -> dict[int, float]:
    """Of the probe itself alone: it starts small commands, whereas the agent's children are people's work."""
    return {process.pid: process.children_seconds for process in processes if process.pid == os.getpid()}


def _who(used: dict[Key, float], names: dict[Key, str], percent: int, seconds: float) -> str:
    first = max(used, key=lambda key: used[key], default=None)
    share = _percent(used[first], seconds) if first else 0
    if first is None or share < percent * NAMED_SHARE:
        return f"CPU at {percent} % of a core, by many processes"
    return f"{names[first]} at {share} % of a core, {percent} % in all"


def _percent(busy: float, seconds: float) -> int:
    return round(100 * busy / seconds)
