"""Editors' remote servers: whether somebody works in one, by what their windows send.

A window that is merely open sends little: VS Code's keep-alive, 13 bytes each five seconds, and as many for each batch
of messages that it acknowledges, on two connections; JetBrains' 12 bytes, twice a second. One key typed is some hundred
bytes, opening a file some thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ssm_documents.probe.signals.meter import Growth, Stopwatch
from ssm_documents.probe.signals.processes import Process, arguments
from ssm_documents.probe.signals.sockets import Socket, tcp_sockets

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


class Editors:
    """The connections of the editors' servers from look to look.

    :param sockets: lists the machine's; asked only where an editor's server runs
    """

    def __init__(
        self,
        sockets: Callable[[], Sequence[Socket]] = tcp_sockets,
        command_line: Callable[[int], Sequence[str]] = arguments,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._sockets = sockets
        self._command_line = command_line
        self._stopwatch = stopwatch or Stopwatch(wait=lambda _: None)
        self._received: Growth[str] | None = None
        self.running: frozenset[str] = frozenset()

    def used(self, processes: Iterable[Process]) -> str | None:
        """The editor in which somebody has worked since the last look.

        :raises OSError, subprocess.SubprocessError: an editor's server runs, and its connections cannot be seen
        """
        servers = self._servers(processes)
        self.running = frozenset(servers.values())
        seconds = self._stopwatch.lap()
        if not servers:
            self._received = None
            return None
        windows = _windows(self._sockets(), servers)
        before, self._received = self._received, Growth({each.cookie: each.received for each in windows})
        if before is None:
            return None
        grown = before.until({each.cookie: each.received for each in windows})
        allowed = ALLOWED_BYTES_PER_SECOND * seconds
        return next((editor for each, editor in windows.items() if grown[each.cookie] > allowed), None)

    def _servers(self, processes: Iterable[Process]) -> dict[int, str]:
        """Editors by the pids of their servers."""
        found = {}
        for process in processes:
            program = " ".join(self._command_line(process.pid)[:2])
            editor = next((name for mark, name in MARKS.items() if mark in program), None)
            if editor:
                found[process.pid] = editor
        return found


def _windows(sockets: Sequence[Socket], servers: dict[int, str]) -> dict[Socket, str]:
    """Connections that came in from an editor's window: to a port that a server listens on, and not from a server."""
    owners = {each: next(iter(each.pids & servers.keys()), None) for each in sockets}
    theirs = {each: servers[pid] for each, pid in owners.items() if pid is not None}
    ports = {each.port: editor for each, editor in theirs.items() if each.is_listening}
    ends = {each.local for each in theirs}
    return {
        each: ports[each.port]
        for each in sockets
        if not each.is_listening and each.port in ports and each.peer not in ends
    }
