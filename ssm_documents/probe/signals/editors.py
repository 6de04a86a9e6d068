"""Activity in remote editors, measured by the bytes that the editor windows send to their servers on the instance.

An editor is recognized by its form, not by its name: its server is in a hidden folder such as `.vscodium-server`. So is
every other listener that was started from an ssh or SSM session, and that somebody reaches through such a session.
Traffic between programs of the instance, such as that of a database, does not count.

An open but unused window sends little. VS Code sends 13 bytes every five seconds, and 13 bytes per acknowledged batch
of messages, on two connections. JetBrains sends 12 bytes twice a second. A typed key is about a hundred bytes, and
opening a file about a thousand.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssm_documents.probe.signals.jupyter_servers import find_server_program
from ssm_documents.probe.signals.meter import CounterDeltas, Stopwatch
from ssm_documents.probe.signals.namespaces import call_in_network, find_network
from ssm_documents.probe.signals.processes import PROC, Process, read_arguments
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets
from ssm_documents.probe.signals.terminals import CONNECTION_NAMES

ALLOWED_BYTES_PER_SECOND = 4096 / 60
"""Limit for an unused connection: about three times the largest keep-alive traffic, and less than ten keys a minute."""

EDITOR_PATTERN = re.compile(r"/\.(\w[\w.-]*?)[_-]?(?:server|remote)\b|(RemoteDev|remote-dev-server)|(code-server)")
"""An editor's server by the path of its program: in a hidden folder, or a product of JetBrains, or code-server."""

HOME_PATTERN = re.compile(r"/(?:home/[^/]+|root)/\.")
"""A program in a hidden folder below a home folder, where editors install their servers."""

SESSION_PATTERN = re.compile(r"/session-[^/]*\.scope|/[^/]*amazon-ssm-agent[^/]*\.service")
"""The control group of what was started from an ssh or SSM session, also after it has left the session."""


def is_in_session_group(pid: int, proc: Path = PROC) -> bool:
    """Return whether systemd has put a process into the control group of a session."""
    try:
        return bool(SESSION_PATTERN.search((proc / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


@dataclass(frozen=True)
class Window:
    """A connection from an editor window to its server.

    :param network: its network namespace; together with the kernel's cookie it is unique
    """

    network: int
    cookie: str
    editor: str


class Editors:
    """The connections of editor servers, compared from reading to reading.

    :param sockets: lists the sockets in the network namespace of a process; called only if an editor server runs or
        somebody is connected
    :param network: returns the network namespace of a process; None: the process has ended
    :param is_in_session_group: returns whether a process was started from a session, although it has left it
    """

    def __init__(
        self,
        sockets: Callable[[int], Sequence[Socket]] | None = None,
        command_line: Callable[[int], Sequence[str]] = read_arguments,
        stopwatch: Stopwatch | None = None,
        network: Callable[[int], int | None] = find_network,
        *,
        is_in_session_group: Callable[[int], bool] = is_in_session_group,
    ) -> None:
        self._sockets = sockets or (lambda pid: call_in_network(pid, list_tcp_sockets))
        self._command_line = command_line
        self._stopwatch = stopwatch or Stopwatch(wait=lambda _: None)
        self._network = network
        self._is_in_session_group = is_in_session_group
        self._received: CounterDeltas[Window] | None = None
        self.running_editors: frozenset[str] = frozenset()

    def find_active_editor(self, processes: Sequence[Process]) -> str | None:
        """Return the editor that somebody has used since the last reading; None: nobody has.

        :raises OSError, subprocess.SubprocessError: an editor server runs or somebody is connected, but the connections
            cannot be listed
        """
        servers = self._find_servers(processes)
        self.running_editors = frozenset(editor for server in servers.values() for editor in server.values())
        seconds = self._stopwatch.lap()
        by_pid = {process.pid: process for process in processes}
        tunnels = {pid for pid, process in by_pid.items() if process.name in CONNECTION_NAMES and process.parent > 1}
        own_network = self._network(os.getpid()) if tunnels else None
        if own_network is not None:
            servers[own_network].setdefault(os.getpid(), "")
        if not servers:
            self._received = None
            return None
        received = {}
        for network, editors in servers.items():
            sockets = self._sockets(min(editors))
            windows = _find_windows(sockets, {pid: editor for pid, editor in editors.items() if editor})
            if network == own_network:
                windows = {**self._find_tunneled(sockets, by_pid, tunnels), **windows}
            for socket, editor in windows.items():
                received[Window(network, socket.cookie, editor)] = float(socket.received)
        last, self._received = self._received, CounterDeltas(received)
        if last is None:
            return None
        allowed_bytes = ALLOWED_BYTES_PER_SECOND * seconds
        growth = last.advance(received)
        return next((window.editor for window, added in growth.items() if added > allowed_bytes), None)

    def _find_servers(self, processes: Iterable[Process]) -> dict[int, dict[int, str]]:
        """Return {network namespace: {pid of the server: editor}}. Each container has its own network namespace."""
        servers: dict[int, dict[int, str]] = defaultdict(dict)
        for process in processes:
            match = EDITOR_PATTERN.search(" ".join(self._command_line(process.pid)[:2]))
            network = self._network(process.pid) if match else None
            if match and network is not None:
                name = (match[1] or "").capitalize() or match[3] or "JetBrains"
                servers[network][process.pid] = "VS Code" if name == "Vscode" else name
        return servers

    def _find_tunneled(
        self, sockets: Sequence[Socket], by_pid: Mapping[int, Process], tunnels: set[int]
    ) -> dict[Socket, str]:
        """Return the connections through a session to a listener of a user, with its name.

        Jupyter has a signal of its own: its open browser tab is not activity.
        """
        ends = {socket.local for socket in sockets if socket.pids & tunnels}
        ports = {
            socket.port: by_pid[pid].name
            for socket in sockets
            for pid in socket.pids & by_pid.keys()
            if socket.is_listening and self._is_of_user(pid, by_pid)
        }
        return {socket: ports[socket.port] for socket in sockets if socket.port in ports and socket.peer in ends}

    def _is_of_user(self, pid: int, by_pid: Mapping[int, Process]) -> bool:
        """Return whether a process was started from a session or is installed as an editor is, and is no Jupyter."""
        command_line = self._command_line(pid)
        if find_server_program(command_line):
            return False
        ancestors = [by_pid[pid]]
        while (parent := by_pid.get(ancestors[-1].parent)) and parent not in ancestors:
            ancestors.append(parent)
        is_connection = [process.name in CONNECTION_NAMES for process in ancestors]
        return not is_connection[0] and (
            any(is_connection) or self._is_in_session_group(pid) or bool(HOME_PATTERN.match("".join(command_line[:1])))
        )


def _find_windows(sockets: Sequence[Socket], servers: dict[int, str]) -> dict[Socket, str]:
    """Return the connections from editor windows: those to a port of an editor server, except from such a server."""
    owners = {socket: next(iter(socket.pids & servers.keys()), None) for socket in sockets}
    editor_by_socket = {socket: servers[pid] for socket, pid in owners.items() if pid is not None}
    ports = {socket.port: editor for socket, editor in editor_by_socket.items() if socket.is_listening}
    server_ends = {socket.local for socket in editor_by_socket}
    return {
        socket: ports[socket.port]
        for socket in sockets
        if not socket.is_listening and socket.port in ports and socket.peer not in server_ends
    }
