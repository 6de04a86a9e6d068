"""Activity in remote editors, measured by the bytes that the editor windows send to their servers on the instance.

An open but unused window sends little. VS Code sends 13 bytes every five seconds, and 13 bytes per acknowledged batch
of messages, on two connections. JetBrains sends 12 bytes twice a second. A typed key is about a hundred bytes, and
opening a file about a thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ssm_documents.probe.signals.meter import CounterDeltas, Stopwatch
from ssm_documents.probe.signals.namespaces import call_in_network, find_network
from ssm_documents.probe.signals.processes import Process, read_arguments
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets

ALLOWED_BYTES_PER_SECOND = 4096 / 60
"""Limit for an unused connection: about three times the largest keep-alive traffic, and less than ten keys a minute."""

EDITOR_BY_PATTERN = {
    ".vscode-server": "VS Code",
    ".vscode-remote": "VS Code",
    ".cursor-server": "Cursor",
    ".windsurf-server": "Windsurf",
    ".positron-server": "Positron",
    "remote-dev-server": "JetBrains",
    "RemoteDev": "JetBrains",
    "code-server": "code-server",
}
"""The editor by a part of its server's command line."""


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

    :param sockets: lists the sockets in the network namespace of a process; called only if an editor server runs
    :param network: returns the network namespace of a process; None: the process has ended
    """

    def __init__(
        self,
        sockets: Callable[[int], Sequence[Socket]] | None = None,
        command_line: Callable[[int], Sequence[str]] = read_arguments,
        stopwatch: Stopwatch | None = None,
        network: Callable[[int], int | None] = find_network,
    ) -> None:
        self._sockets = sockets or (lambda pid: call_in_network(pid, list_tcp_sockets))
        self._command_line = command_line
        self._stopwatch = stopwatch or Stopwatch(wait=lambda _: None)
        self._network = network
        self._received: CounterDeltas[Window] | None = None
        self.running_editors: frozenset[str] = frozenset()

    def find_active_editor(self, processes: Iterable[Process]) -> str | None:
        """Return the editor that somebody has used since the last reading; None: nobody has.

        :raises OSError, subprocess.SubprocessError: an editor server runs, but its connections cannot be listed
        """
        servers = self._find_servers(processes)
        self.running_editors = frozenset(editor for server in servers.values() for editor in server.values())
        seconds = self._stopwatch.lap()
        if not servers:
            self._received = None
            return None
        received = {
            Window(network, socket.cookie, editor): float(socket.received)
            for network, editors in servers.items()
            for socket, editor in _find_windows(self._sockets(min(editors)), editors).items()
        }
        last, self._received = self._received, CounterDeltas(received)
        if last is None:
            return None
        allowed_bytes = ALLOWED_BYTES_PER_SECOND * seconds
        growth = last.advance(received)
        return next((window.editor for window, added in growth.items() if added > allowed_bytes), None)

    def _find_servers(self, processes: Iterable[Process]) -> Mapping[int, dict[int, str]]:
        """Return {network namespace: {pid of the server: editor}}. Each container has its own network namespace."""
        servers: dict[int, dict[int, str]] = defaultdict(dict)
        for process in processes:
            program = " ".join(self._command_line(process.pid)[:2])
            editor = next((name for pattern, name in EDITOR_BY_PATTERN.items() if pattern in program), None)
            network = self._network(process.pid) if editor else None
            if editor and network is not None:
                servers[network][process.pid] = editor
        return servers


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
