"""The Jupyter signal: what the kernels and terminals of every server do, by Jupyter's own API.

Connections do not count: an open browser tab alone is not work. `last_activity` is watched for change and never
compared with a clock: it is another program's time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals import jupyter_api
from ssm_documents.probe.signals.jupyter_servers import Access, Server, UnreachableServer, find_servers, resolve_access
from ssm_documents.probe.signals.namespaces import call_in_network

MAX_SERVERS = 50
MAX_AT_ONCE = 8


@dataclass(frozen=True)
class ServerState:
    """What one server says.

    :param activity: `last_activity` of each kernel and terminal
    :param names: of the kernels, for people
    :param busy: the name of one that is; empty: none
    """

    activity: Mapping[str, str]
    names: Mapping[str, str]
    busy: str = ""
    live_counts: Counter[str] = field(default_factory=Counter)


def query_server(server: Server) -> ServerState:
    """Ask one server.

    :raises NotAskable: it cannot be asked
    """
    try:
        return call_in_network(server.pid, lambda: inspect_server(resolve_access(server.pid)))
    except OSError as error:
        raise UnreachableServer(f"its network cannot be entered: {error.strerror}") from error


def inspect_server(way: Access) -> ServerState:
    """One server's kernels and terminals.

    :raises NotAskable: it does not speak as Jupyter does
    """
    try:
        kernels, terminals = (
            jupyter_api.get(way, "api/kernels"),
            jupyter_api.get(way, "api/terminals", may_be_missing=True),
        )
        sessions = jupyter_api.get(way, "api/sessions") if kernels else []
        notebooks = {
            str(session["kernel"]["id"]): str(session["path"]) for session in sessions if session.get("kernel")
        }
        names = {str(kernel["id"]): f"kernel {_title(kernel, notebooks)}" for kernel in kernels}
        busy = [names[str(kernel["id"])] for kernel in kernels if kernel["execution_state"] == "busy"]
        return ServerState(
            activity={
                **{str(kernel["id"]): str(kernel["last_activity"]) for kernel in kernels},
                **{f"terminal {terminal['name']}": str(terminal["last_activity"]) for terminal in terminals},
            },
            names=names,
            busy=busy[0] if busy else "",
            live_counts=Counter(kernels=len(kernels), terminals=len(terminals)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreachableServer(f"its answer is not Jupyter's: {type(error).__name__}") from error


class JupyterSensor:
    """Active if a kernel is busy, or a kernel or terminal has done anything since the last look.

    Quiet if all rest or no server runs; unknown if a server that runs cannot be asked.

    :param find: lists the servers that run
    :param ask: asks one
    """

    name = "jupyter"

    def __init__(
        self,
        find_servers: Callable[[], Sequence[Server]] = find_servers,
        query_server: Callable[[Server], ServerState] = query_server,
    ) -> None:
        self._find = find_servers
        self._ask = query_server
        self._before: dict[Server, Mapping[str, str]] = {}

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002  a kernel works, or none does
        """Look once."""
        servers = self._find()
        looks, problems = self._look_at(servers[:MAX_SERVERS])
        if len(servers) > MAX_SERVERS:
            problems.append(f"{len(servers)} Jupyter servers, too many to ask")
        live_counts = _non_zero(sum((look.live_counts for look in looks.values()), Counter()))
        used = self._used(looks)
        self._before = {each: self._before[each] for each in servers if each in self._before}
        self._before.update({server: each.activity for server, each in looks.items()})
        if used:
            return Reading(SignalState.ACTIVE, used, live_counts)
        if problems:
            return Reading(SignalState.UNKNOWN, problems[0], live_counts)
        return Reading(SignalState.QUIET, _at_rest(len(servers), live_counts.get("kernels", 0)), live_counts)

    def _look_at(self, servers: Sequence[Server]) -> tuple[dict[Server, ServerState], list[str]]:
        """At once, so that the slow ones do not add up."""
        with ThreadPoolExecutor(MAX_AT_ONCE) as threads:
            asked = {server: threads.submit(self._ask, server) for server in servers}
        looks, problems = {}, []
        for server, answer in asked.items():
            try:
                looks[server] = answer.result()
            except UnreachableServer as problem:
                problems.append(f"{server.program} ({server.pid}): {problem}")
        return looks, problems

    def _used(self, looks: Mapping[Server, ServerState]) -> str:
        for look in looks.values():
            if look.busy:
                return f"{look.busy} is running a cell"
        for server, each in looks.items():
            before = self._before.get(server)
            if before is None:
                continue
            for identity, moment in each.activity.items():
                if before.get(identity) != moment:
                    return f"{each.names.get(identity, f'Jupyter {identity}')} was used"
        return ""


def _title(kernel: Mapping[str, Any], notebooks: Mapping[str, str]) -> str:
    """The notebook that people know the kernel by, or the kernel's own name."""
    return PurePosixPath(notebooks.get(str(kernel["id"]), "")).name or str(kernel["name"])


def _non_zero(live_counts: Counter[str]) -> dict[str, int]:
    return {kind: number for kind, number in live_counts.items() if number}


def _at_rest(servers: int, kernels: int) -> str:
    if not servers:
        return "no Jupyter server runs"
    return f"no kernel is busy ({kernels} running)" if kernels else "no kernel is running"
