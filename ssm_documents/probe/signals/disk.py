"""The disk signal: what is read from and written to each real disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.meter import CounterDeltas, Stopwatch
from ssm_documents.probe.signals.processes import PROC, find_gpudesk_pids, list_processes

REAL_DISK = re.compile(r"(nvme\d+n\d+|(s|v|h|xv)d[a-z]+)$")
"""Whole and with hardware behind it. A partition, and what lies on other devices (loop, dm, md, zram), would count
twice, or in memory."""

KIB = 1024

MAX_OWN_KIB_PER_SECOND = 64
"""Logs and state. More is somebody's work: the kernel adds the I/O of a child that has ended to its parent's, and
people's shells are children of the agent."""


class DiskSensor:
    """Active if any one disk moved more than the threshold between two looks.

    :param moved: bytes read and written since boot, by device
    :param own: bytes that the probe and the agent have read and written; on which disk the kernel does not say, so they
        are taken off each
    """

    name = "disk"

    def __init__(
        self,
        read_disks: Callable[[], Mapping[str, float]] | None = None,
        read_excluded: Callable[[], Mapping[int, float]] | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._moved = read_disks or read_disk_bytes
        self._own = read_excluded or read_gpudesk_bytes
        self._stopwatch = stopwatch or Stopwatch()
        self._disks = CounterDeltas(self._moved())
        self._ours = CounterDeltas(self._own())

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once."""
        seconds = self._stopwatch.lap()
        grown = self._disks.advance(self._moved())
        ours = min(sum(self._ours.advance(self._own()).values()) / KIB / seconds, MAX_OWN_KIB_PER_SECOND)
        rates = {name: max(round(moved / KIB / seconds - ours), 0) for name, moved in grown.items()}
        if not rates:
            return Reading(SignalState.UNKNOWN, "no disk can be seen")
        busiest = max(rates, key=lambda name: rates[name])
        is_active = rates[busiest] >= thresholds.disk_kib_per_second
        return Reading(SignalState.ACTIVE if is_active else SignalState.QUIET, f"{busiest} at {rates[busiest]} KiB/s")


def read_disk_bytes() -> dict[str, float]:
    """Read and written since boot, by real disk."""
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return {name: float(each.read_bytes + each.write_bytes) for name, each in counters.items() if REAL_DISK.match(name)}


def read_gpudesk_bytes(proc: Path = PROC) -> dict[int, float]:
    """Read from and written to disks by the probe and the agent, by pid."""
    return {pid: _bytes_of(proc / str(pid) / "io") for pid in find_gpudesk_pids(list_processes(proc))}


def _bytes_of(file: Path) -> float:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    fields = dict(line.split(": ") for line in lines)
    return float(fields.get("read_bytes", 0)) + float(fields.get("write_bytes", 0))
