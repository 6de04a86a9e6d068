"""Read the state of one Jupyter server: its kernels and terminals, from Jupyter's API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ssm_documents.probe.signals import jupyter_api
from ssm_documents.probe.signals.jupyter_servers import Access, Server, SilentServer, UnreachableServer, resolve_access
from ssm_documents.probe.signals.namespaces import call_in_network

KERNELS, TERMINALS = "api/kernels", "api/terminals"


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


def _build_title(kernel: Mapping[str, Any], path: str) -> str:
    """Return the file name of the notebook, or else the name of the kernel."""
    return f"kernel {PurePosixPath(path).name or kernel.get('name', '')}".strip()
