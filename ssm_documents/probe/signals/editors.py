"""Editors' remote servers: whether somebody works in one, by what their windows send.

A window that is merely open sends little: VS Code's keep-alive, 13 bytes each five seconds, and as many for each batch
of messages that it acknowledges, on two connections; JetBrains' 12 bytes, twice a second. One key typed is some hundred
bytes, opening a file some thousand.
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
"""Of one connection: about three times the busiest keep-alive, and what ten typed keys exceed in a minute."""

MARKS = {
    ".vscode-server": "VS Code",
    ".vscode-remote": "VS Code",
    ".cursor-server": "Cursor",
    ".windsurf-server": "Windsurf",
    ".positron-server": "Positron",
    "remote-dev-server": "JetBrains",
    "RemoteDev": "JetBrains",
    "code-server": "code-server",
}
"""What stands in a server's command line, by the editor."""


@dataclass(frozen=True)
class Window:
    """A connection from an editor's window to its server.

    :param network: that it is in; with the kernel's cookie it names the connection for good
    """

    network: int
    cookie: str
    editor: str


class Editors:
    """The connections of the editors' servers from look to look, each in the network that its server is in.

    :param sockets: lists those of the network of one process; asked only where an editor's server runs
    :param network: names the network that a process is in; None where it has ended
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
        self.running: frozenset[str] = frozenset()

    def active_editor(self, processes: Iterable[Process]) -> str | None:
        """The editor in which somebody has worked since the last look.

        :raises OSError, subprocess.SubprocessError: an editor's server runs, and its connections cannot be seen
        """
        servers = self._servers(processes)
        self.running = frozenset(editor for server in servers.values() for editor in server.values())
        seconds = self._stopwatch.lap()
        if not servers:
            self._received = None
            return None
        received = {
            Window(network, socket.cookie, editor): float(socket.received)
            for network, inside in servers.items()
            for socket, editor in _windows(self._sockets(min(inside)), inside).items()
        }
        before, self._received = self._received, CounterDeltas(received)
        if before is None:
            return None
        allowed = ALLOWED_BYTES_PER_SECOND * seconds
        return next((each.editor for each, grown in before.advance(received).items() if grown > allowed), None)

    def _servers(self, processes: Iterable[Process]) -> Mapping[int, dict[int, str]]:
        """Editors by the pids of their servers, by the networks that these are in: a container has one of its own."""
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for process in processes:
            program = " ".join(self._command_line(process.pid)[:2])
            editor = next((name for mark, name in MARKS.items() if mark in program), None)
            network = self._network(process.pid) if editor else None
            if editor and network is not None:
                found[network][process.pid] = editor
        return found


def _windows(sockets: Sequence[Socket], servers: dict[int, str]) -> dict[Socket, str]:
    """Connections that came in from an editor's window: to a port that a server listens on, and not from a server."""
    owners = {socket: next(iter(socket.pids & servers.keys()), None) for socket in sockets}
    theirs = {each: servers[pid] for each, pid in owners.items() if pid is not None}
    ports = {each.port: editor for each, editor in theirs.items() if each.is_listening}
    ends = {their.local for their in theirs}
    return {
        socket: ports[socket.port]
        for socket in sockets
        if not socket.is_listening and socket.port in ports and socket.peer not in ends
    }
