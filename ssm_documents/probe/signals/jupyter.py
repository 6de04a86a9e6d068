"""The Jupyter signal: the activity of kernels and terminals of every Jupyter server, from Jupyter's API.

Connections do not count: an open browser tab is not work. `last_activity` is only compared with its last value, never
with a clock, because it is the time of another program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.jupyter_servers import Server, UnreachableServer, find_servers
from ssm_documents.probe.signals.jupyter_state import ServerState, query_server

MAX_SERVERS = 50
MAX_AT_ONCE = 8


class JupyterSensor:
    """Active if a kernel is busy, or if a kernel or terminal was used since the last reading.

    Quiet if all are unused or no server runs. Unknown if any part of a running server cannot be read.

    :param find_servers: lists the running servers
    :param query_server: returns the state of one server
    """

    name = "jupyter"

    def __init__(
        self,
        find_servers: Callable[[], Sequence[Server]] = find_servers,
        query_server: Callable[[Server], ServerState] = query_server,
    ) -> None:
        self._find_servers = find_servers
        self._query_server = query_server
        self._last_activity: dict[Server, Mapping[str, str]] = {}
        self._busy_names: dict[str, str] = {}
        self._lost_kernel = ""

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002 - activity of kernels has no threshold
        """Query all servers."""
        servers = self._find_servers()
        states, problems = self._query_all(servers[:MAX_SERVERS])
        if len(servers) > MAX_SERVERS:
            problems.append(f"{len(servers)} Jupyter servers run, only {MAX_SERVERS} are read")
        live_counts = dict(+sum((state.live_counts for state in states.values()), Counter()))  # `+` drops zeros
        active_reason = self._find_activity(states)
        if not problems:
            self._note_lost_kernels(states)
        self._last_activity = {
            server: self._last_activity[server] for server in servers if server in self._last_activity
        }
        for server, state in states.items():
            # What could not be read is later compared with its last known value.
            known = self._last_activity.get(server, {}) if state.problem else {}
            self._last_activity[server] = {**known, **state.last_activity}
        if active_reason:
            return Reading(SignalState.ACTIVE, active_reason, live_counts)
        if problems:
            return Reading(SignalState.UNKNOWN, problems[0], live_counts)
        quiet_reason = _build_quiet_reason(len(servers), live_counts.get("kernels", 0))
        return Reading(SignalState.QUIET, f"{quiet_reason}{self._lost_kernel}", live_counts)

    def _query_all(self, servers: Sequence[Server]) -> tuple[dict[Server, ServerState], list[str]]:
        """Query the servers in parallel, so that the times of slow ones do not add up."""
        with ThreadPoolExecutor(MAX_AT_ONCE) as threads:
            futures = {server: threads.submit(self._query_server, server) for server in servers}
        states, problems = {}, []
        for server, future in futures.items():
            try:
                states[server] = future.result()
                problem = states[server].problem
            except UnreachableServer as error:
                problem = str(error)
            if problem:
                problems.append(f"{server.program} ({server.pid}): {problem}")
        return states, problems

    def _note_lost_kernels(self, states: Mapping[Server, ServerState]) -> None:
        """Note a kernel that was busy and is gone, until another one is busy: its server or the kernel itself ended."""
        names = {identity: name for state in states.values() for identity, name in state.kernel_names.items()}
        busy = {identity: names[identity] for state in states.values() for identity in state.busy_ids}
        lost = [name for identity, name in self._busy_names.items() if identity not in names]
        if lost or busy:
            self._lost_kernel = f"; {lost[0]} ended while it ran a cell" if lost else ""
        self._busy_names = busy

    def _find_activity(self, states: Mapping[Server, ServerState]) -> str:
        for state in states.values():
            if state.busy_kernel:
                return f"{state.busy_kernel} is running a cell"
        for server, state in states.items():
            last = self._last_activity.get(server)
            if last is None:
                continue
            for identity, moment in state.last_activity.items():
                if last.get(identity) != moment:
                    return f"{state.kernel_names.get(identity, f'Jupyter {identity}')} was used"
        return ""


def _build_quiet_reason(servers: int, kernels: int) -> str:
    if not servers:
        return "no Jupyter server runs"
    return f"no kernel is busy ({kernels} running)" if kernels else "no kernel is running"
