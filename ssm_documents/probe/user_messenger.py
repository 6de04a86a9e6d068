"""A message to whoever is on the machine: every terminal, and every JupyterLab that shows notifications."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ssm_documents.probe.signals.jupyter_api import get, post
from ssm_documents.probe.signals.jupyter_servers import Server, UnreachableServer, find_servers, resolve_access
from ssm_documents.probe.signals.namespaces import call_in_network
from ssm_documents.probe.signals.processes import list_processes
from ssm_documents.probe.signals.terminals import PTS, Terminal, is_connected, list_terminals
from ssm_documents.probe.time_limited_call import TimeLimitedCall

logger = logging.getLogger(__name__)

NOTIFICATIONS = "jupyterlab-notifications-extension/ingest"
"""https://pypi.org/project/jupyterlab-notifications-extension/, which the document gpudesk-jupyter installs."""

MAX_SERVERS = 50
NOTIFY_TIMEOUT_SECONDS = 5.0
"""For all servers together: a message and a question to each, at once."""


@dataclass(frozen=True)
class DeliveryCount:
    """Whom a message reached.

    :param terminals: that it was written to and that somebody's connection holds open: ssh's and SSM's
    :param jupyter_servers: JupyterLab servers that took it and have a browser connected
    """

    terminals: int = 0
    jupyter_servers: int = 0

    def __bool__(self) -> bool:
        return bool(self.terminals or self.jupyter_servers)


class UserMessenger:
    """Those on this machine.

    `wall` writes to whom utmp knows; a pane of tmux, a terminal of Jupyter or VS Code and a session by SSM are not in
    it. So the message goes to each terminal itself.

    :param folder: where the terminals are
    :param notify: gives a text to one Jupyter server's people; whether anybody is connected to it. May raise anything
    """

    def __init__(
        self,
        folder: Path = PTS,
        servers: Callable[[], Sequence[Server]] = find_servers,
        notify: Callable[[Server, str], bool] | None = None,
        limit_seconds: float = NOTIFY_TIMEOUT_SECONDS,
    ) -> None:
        self._folder = folder
        self._servers = servers
        self._notify = notify or notify_jupyter
        self._limit = limit_seconds
        self._last = ""
        self._calls: dict[Server, TimeLimitedCall[bool]] = {}

    def notify(self, text: str) -> DeliveryCount:
        """Say it everywhere; what cannot be reached is passed over."""
        line = "".join(each if each.isprintable() else " " for each in text)
        return DeliveryCount(self._terminals(line), self._notebooks(line))

    def _terminals(self, line: str) -> int:
        """How many somebody sits at took it. At the others, as in a detached tmux, it stands once for whoever comes."""
        message = f"\r\n\a*** {line} ***\r\n".encode()
        is_new, self._last = line != self._last, line
        reached = 0
        for terminal, somebody_is_there in self._open():
            if somebody_is_there or is_new:
                reached += _write(self._folder / Path(terminal.name).name, message) and somebody_is_there
        return reached

    def _open(self) -> list[tuple[Terminal, bool]]:
        try:
            terminals, processes = list_terminals(self._folder), list_processes()
        except OSError as error:
            logger.warning("the terminals cannot be listed: %s", error)
            return []
        return [(terminal, is_connected(terminal, processes, self._folder)) for terminal in terminals]

    def _notebooks(self, text: str) -> int:
        """How many servers took it in time: whatever users' programs answer, or do not, costs a beat one limit."""
        known = self._calls
        self._calls = {each: known.get(each) or TimeLimitedCall(self._limit) for each in self._servers()[:MAX_SERVERS]}
        begun = [call for server, call in self._calls.items() if call.start(partial(self._notify_server, server, text))]
        return sum(call.wait() is True for call in begun)

    def _notify_server(self, server: Server, text: str) -> bool:
        try:
            return self._notify(server, text)
        except Exception as error:  # noqa: BLE001  what users' programs answer may be anything
            logger.info("%s (%d) was not told: %s: %s", server.program, server.pid, type(error).__name__, error)
            return False


def notify_jupyter(server: Server, text: str) -> bool:
    """Whether it took the message and has a browser connected.

    :raises NotAskable, OSError: it did not take it
    """

    def exchange() -> bool:
        way = resolve_access(server.pid)
        post(way, NOTIFICATIONS, {"message": text, "type": "warning", "autoClose": False, "immediate": True})
        status = get(way, "api/status")
        connections = status.get("connections") if isinstance(status, dict) else None
        if not isinstance(connections, int):
            raise UnreachableServer("its answer is not Jupyter's")
        return connections > 0

    return call_in_network(server.pid, exchange)


def _write(path: Path, message: bytes) -> bool:
    """Whether the terminal took it; one that nobody reads from is full, and is not waited for."""
    try:
        terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(terminal, message) == len(message)
    except OSError:
        return False
    finally:
        os.close(terminal)
