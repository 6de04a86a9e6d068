"""The network signal: bytes through each real interface, except those of the probe and the SSM agent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

import psutil

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.meter import CounterDeltas, Stopwatch
from ssm_documents.probe.signals.processes import find_gpudesk_pids, list_processes
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets

VIRTUAL = ("lo", "docker", "veth", "br-", "virbr", "cni", "flannel", "cali", "ifb", "dummy")
"""Prefixes of interfaces inside the instance. What leaves the instance also goes through a real interface."""

KIB = 1024


class NetworkSensor:
    """Active if the rate of any interface since the last reading reaches the threshold.

    The bytes of connections of the probe and the agent are subtracted from their interface. So a browser tab that polls
    through the tunnel of a session is not activity.

    :param read_interfaces: returns the bytes received and sent since boot, by interface
    :param read_excluded: returns the bytes of the connections of the probe and the agent, by interface and socket.
        None: they are unknown. Then nothing is subtracted, so more traffic may count as activity, but not less
    """

    name = "network"

    def __init__(
        self,
        read_interfaces: Callable[[], Mapping[str, float]] | None = None,
        read_excluded: Callable[[], Mapping[tuple[str, str], float] | None] | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._read_interfaces = read_interfaces or read_interface_bytes
        self._read_excluded = read_excluded or read_gpudesk_bytes
        self._stopwatch = stopwatch or Stopwatch()
        self._interface_deltas = CounterDeltas(self._read_interfaces())
        self._excluded_deltas: CounterDeltas[tuple[str, str]] | None = None
        self._measure_excluded()

    def read(self, thresholds: Thresholds) -> Reading:
        """Measure since the last reading."""
        seconds = self._stopwatch.lap()
        growth = self._interface_deltas.advance(self._read_interfaces())
        for (interface, _), moved in self._measure_excluded().items():
            if interface in growth:
                growth[interface] -= moved
        if not growth:
            return Reading(SignalState.QUIET, "there is no network interface that leads outside")
        busiest = max(growth, key=lambda name: growth[name])
        rate = max(round(growth[busiest] / KIB / seconds), 0)
        state = SignalState.ACTIVE if rate >= thresholds.network_kib_per_second else SignalState.QUIET
        return Reading(state, f"{busiest} at {rate} KiB/s")

    def _measure_excluded(self) -> Mapping[tuple[str, str], float]:
        current = self._read_excluded()
        if current is None or self._excluded_deltas is None:
            self._excluded_deltas = None if current is None else CounterDeltas(current)
            return {}
        return self._excluded_deltas.advance(current)


def read_interface_bytes() -> dict[str, float]:
    """Return the bytes received and sent since boot, by real interface.

    :raises OSError: the kernel lists no interface at all, not even a virtual one
    """
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    if not counters:
        raise OSError("the kernel lists no network interface")
    return {
        name: float(counter.bytes_recv + counter.bytes_sent)
        for name, counter in counters.items()
        if not name.startswith(VIRTUAL)
    }


def read_gpudesk_bytes(
    sockets: Callable[[], Sequence[Socket]] = list_tcp_sockets, pids: Callable[[], frozenset[int]] | None = None
) -> dict[tuple[str, str], float] | None:
    """Return the bytes of the open connections of the probe and the agent to other computers, by interface and socket.

    :returns: None if `ss` is missing or fails
    """
    try:
        listed = sockets()
    except (OSError, subprocess.SubprocessError):
        return None
    excluded_pids = pids() if pids else find_gpudesk_pids(list_processes())
    interfaces = {address.address: name for name, addresses in psutil.net_if_addrs().items() for address in addresses}
    return {
        (interfaces[socket.address], socket.cookie): float(socket.received + socket.sent)
        for socket in listed
        if socket.pids & excluded_pids and not socket.is_local and socket.address in interfaces
    }
