"""The network signal: what goes through each real interface, without the probe's and the agent's own connections."""

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
"""Traffic within the machine; what leaves it goes through a real interface, too."""

KIB = 1024


class NetworkSensor:
    """Active if any one interface moved more than the threshold between two looks.

    What the agent's and the probe's own connections moved is taken off the interface that they go through: so a browser
    tab that polls through a session's tunnel is no activity.

    :param moved: bytes received and sent since boot, by interface
    :param own: bytes that our connections have received and sent, by interface and socket; None: not to be
        had, and then nothing is taken off, so that more may count as activity, but never less
    """

    name = "network"

    def __init__(
        self,
        read_interfaces: Callable[[], Mapping[str, float]] | None = None,
        read_excluded: Callable[[], Mapping[tuple[str, str], float] | None] | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._moved = read_interfaces or read_interface_bytes
        self._own = read_excluded or read_gpudesk_bytes
        self._stopwatch = stopwatch or Stopwatch()
        self._interfaces = CounterDeltas(self._moved())
        self._ours: CounterDeltas[tuple[str, str]] | None = None
        self._ours_since_last_look()

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once."""
        seconds = self._stopwatch.lap()
        rest = self._interfaces.advance(self._moved())
        for (interface, _), moved in self._ours_since_last_look().items():
            if interface in rest:
                rest[interface] -= moved
        if not rest:
            return Reading(SignalState.QUIET, "no interface leads out of the machine")
        busiest = max(rest, key=lambda name: rest[name])
        rate = max(round(rest[busiest] / KIB / seconds), 0)
        state = SignalState.ACTIVE if rate >= thresholds.network_kib_per_second else SignalState.QUIET
        return Reading(state, f"{busiest} at {rate} KiB/s")

    def _ours_since_last_look(self) -> Mapping[tuple[str, str], float]:
        now = self._own()
        if now is None or self._ours is None:
            self._ours = None if now is None else CounterDeltas(now)
            return {}
        return self._ours.advance(now)


def read_interface_bytes() -> dict[str, float]:
    """Received and sent since boot, by real interface.

    :raises OSError: there is none, not even one that is not real
    """
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    if not counters:
        raise OSError("no network interface can be seen")
    return {
        name: float(each.bytes_recv + each.bytes_sent)
        for name, each in counters.items()
        if not name.startswith(VIRTUAL)
    }


def read_gpudesk_bytes(
    sockets: Callable[[], Sequence[Socket]] = list_tcp_sockets, pids: Callable[[], frozenset[int]] | None = None
) -> dict[tuple[str, str], float] | None:
    """What the probe's and the agent's living connections to other machines have moved, by interface and socket.

    :returns: None where `ss` is missing or fails
    """
    try:
        listed = sockets()
    except (OSError, subprocess.SubprocessError):
        return None
    own = pids() if pids else find_gpudesk_pids(list_processes())
    interfaces = {address.address: name for name, addresses in psutil.net_if_addrs().items() for address in addresses}
    return {
        (interfaces[each.address], each.cookie): float(each.received + each.sent)
        for each in listed
        if each.pids & own and not each.is_local and each.address in interfaces
    }
