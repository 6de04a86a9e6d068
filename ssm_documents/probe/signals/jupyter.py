"""The Jupyter signal: the activity of kernels and terminals of every Jupyter server, from Jupyter's API.

Connections do not count: an open browser tab is not work. `last_activity` is only compared with its last value, never
with a clock, because it is the time of another program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals import jupyter_api
from ssm_documents.probe.signals.jupyter_servers import (
    Access,
    Server,
    SilentServer,
    UnreachableServer,
    find_servers,
    resolve_access,
)
from ssm_documents.probe.signals.namespaces import call_in_network

KERNELS, TERMINALS = "api/kernels", "api/terminals"

MAX_SERVERS = 50
MAX_AT_ONCE = 8


@dataclass(frozen=True)
class ServerState:
    """Kernels and terminals of one server.

    :param last_activity: `last_activity` of each kernel and terminal
    :param kernel_names: names of the kernels, for people
    :param busy_kernel: name of a busy kernel; empty: no kernel is known to be busy
    :param busy_ids: ids of the busy kernels
    :param problem: why a part of the server could not be read; empty: everything could be read
    """

    last_activity: Mapping[str, str]
    kernel_names: Mapping[str, str]
    busy_kernel: str = ""
    busy_ids: Collection[str] = ()
    live_counts: Counter[str] = field(default_factory=Counter)
    problem: str = ""


def query_server(server: Server) -> ServerState:
    """Find out how to reach a server and read its state.

    :raises UnreachableServer: the server does not answer, or not as Jupyter
    """
    try:
        return call_in_network(server.pid, lambda: read_server_state(resolve_access(server.pid)))
    except OSError as error:
        raise UnreachableServer(f"its network cannot be entered: {error.strerror}") from error


def read_server_state(access: Access) -> ServerState:
    """Read the kernels and terminals of a server, each alone: what cannot be read does not hide the others.

    :raises UnreachableServer: nothing could be read
    """
    problems: list[str] = []
    kernels = _list_parts(access, KERNELS, "id", problems)
    terminals = _list_parts(access, TERMINALS, "name", problems)
    if problems and not kernels and not terminals:
        raise UnreachableServer(problems[0])
    paths = _list_notebooks(access) if kernels else {}
    names = {identity: _build_title(kernel, paths.get(identity, "")) for identity, kernel in kernels.items()}
    states = [(names[identity], kernel.get("execution_state")) for identity, kernel in kernels.items()]
    parts = {**kernels, **{f"terminal {name}": terminal for name, terminal in terminals.items()}}
    last_activity = {identity: part.get("last_activity") for identity, part in parts.items()}
    problems += [f"{name} has no execution_state" for name, state in states if not isinstance(state, str)]
    problems += [
        f"{names.get(identity, identity)} has no last_activity" for identity, at in last_activity.items() if not at
    ]
    return ServerState(
        last_activity={identity: str(at) for identity, at in last_activity.items() if at},
        kernel_names=names,
        busy_kernel=next((name for name, state in states if state == "busy"), ""),
        busy_ids=tuple(identity for identity, kernel in kernels.items() if kernel.get("execution_state") == "busy"),
        live_counts=Counter(kernels=len(kernels), terminals=len(terminals)),
        problem=problems[0] if problems else "",
    )


def _list_parts(access: Access, path: str, key: str, problems: list[str]) -> dict[str, dict[str, Any]]:
    """Return the kernels or terminals of a server by id, and add to `problems` why there may be more."""
    try:
        answer = jupyter_api.get(access, path, may_be_missing=path == TERMINALS)
    except UnreachableServer as error:
        if isinstance(error, SilentServer) and path == KERNELS:
            raise
        problems.append(str(error))
        return {}
    parts = answer if isinstance(answer, list) else [answer]
    readable = {str(part[key]): part for part in parts if isinstance(part, dict) and part.get(key)}
    if len(readable) < len(parts):
        problems.append("its answer is not that of Jupyter")
    return readable


def _list_notebooks(access: Access) -> dict[str, str]:
    """Return the path of the notebook by the id of its kernel, as far as it can be read: it is only a name."""
    paths = {}
    with suppress(UnreachableServer, TypeError):
        for session in jupyter_api.get(access, "api/sessions"):
            with suppress(KeyError, TypeError):
                paths[str(session["kernel"]["id"])] = str(session["path"])
    return paths


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


def _build_title(kernel: Mapping[str, Any], path: str) -> str:
    """Return the file name of the notebook, or else the name of the kernel."""
    return f"kernel {PurePosixPath(path).name or kernel.get('name', '')}".strip()


def _build_quiet_reason(servers: int, kernels: int) -> str:
    if not servers:
        return "no Jupyter server runs"
    return f"no kernel is busy ({kernels} running)" if kernels else "no kernel is running"
