"""The disk signal: bytes read from and written to each real disk."""

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
"""Whole disks with hardware. Partitions and stacked devices (loop, dm, md) would count twice, and zram is memory."""

KIB = 1024

MAX_EXCLUDED_KIB_PER_SECOND = 64
"""Enough for logs and state files of the probe and the agent. More than that is the work of people: their shells are
children of the agent, and when a child ends, the kernel adds its I/O to that of its parent."""


class DiskSensor:
    """Active if the rate of any disk since the last reading reaches the threshold.

    :param read_disks: returns the bytes read and written since boot, by device
    :param read_excluded: returns the bytes that the probe and the agent have read and written, by pid. The kernel does
        not tell on which disk, so they are subtracted from each disk
    """

    name = "disk"

    def __init__(
        self,
        read_disks: Callable[[], Mapping[str, float]] | None = None,
        read_excluded: Callable[[], Mapping[int, float]] | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._read_disks = read_disks or read_disk_bytes
        self._read_excluded = read_excluded or read_gpudesk_bytes
        self._stopwatch = stopwatch or Stopwatch()
        self._disk_deltas = CounterDeltas(self._read_disks())
        self._excluded_deltas = CounterDeltas(self._read_excluded())

    def read(self, thresholds: Thresholds) -> Reading:
        """Measure since the last reading."""
        seconds = self._stopwatch.lap()
        growth = self._disk_deltas.advance(self._read_disks())
        excluded = min(
            sum(self._excluded_deltas.advance(self._read_excluded()).values()) / KIB / seconds,
            MAX_EXCLUDED_KIB_PER_SECOND,
        )
        rates = {name: max(round(moved / KIB / seconds - excluded), 0) for name, moved in growth.items()}
        if not rates:
            return Reading(SignalState.UNKNOWN, "no disk was found")
        busiest = max(rates, key=lambda name: rates[name])
        is_active = rates[busiest] >= thresholds.disk_kib_per_second
        return Reading(SignalState.ACTIVE if is_active else SignalState.QUIET, f"{busiest} at {rates[busiest]} KiB/s")


def read_disk_bytes() -> dict[str, float]:
    """Return the bytes read and written since boot, by real disk."""
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return {
        name: float(counter.read_bytes + counter.write_bytes)
        for name, counter in counters.items()
        if REAL_DISK.match(name)
    }


def read_gpudesk_bytes(proc: Path = PROC) -> dict[int, float]:
    """Return the bytes that the probe and the agent have read from and written to disks, by pid."""
    return {pid: _read_bytes(proc / str(pid) / "io") for pid in find_gpudesk_pids(list_processes(proc))}


def _read_bytes(file: Path) -> float:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    fields = dict(line.split(": ") for line in lines)
    return float(fields.get("read_bytes", 0)) + float(fields.get("write_bytes", 0))
