"""Messages to the people on the instance: on every terminal, and in every JupyterLab that shows notifications."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chalicelib.domain.common.untrusted_text import strip_to_line
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
"""Limit for all servers together. Each gets two requests: the message, and a query of its number of connections."""


@dataclass(frozen=True)
class DeliveryCount:
    """How many recipients a message reached.

    :param terminals: terminals that took it and belong to an open connection by ssh or SSM
    :param jupyter_servers: JupyterLab servers that took it and have a browser connected
    """

    terminals: int = 0
    jupyter_servers: int = 0

    def __bool__(self) -> bool:
        """Return whether the message reached anybody."""
        return bool(self.terminals or self.jupyter_servers)


class UserMessenger:
    """Shows messages to the people on this instance.

    `wall` only reaches the users in utmp. Panes of tmux, terminals of Jupyter or VS Code, and SSM sessions are not in
    utmp. So each message is written to every terminal.

    :param folder: the folder of the terminals
    :param notify: sends a text to one Jupyter server and returns whether a browser is connected to it; may raise
    """

    def __init__(
        self,
        folder: Path = PTS,
        servers: Callable[[], Sequence[Server]] = find_servers,
        notify: Callable[[Server, str], bool] | None = None,
        limit_seconds: float = NOTIFY_TIMEOUT_SECONDS,
    ) -> None:
        self._folder = folder
        self._find_servers = servers
        self._notify = notify or notify_jupyter
        self._limit_seconds = limit_seconds
        self._last_line = ""
        self._calls: dict[Server, TimeLimitedCall[bool]] = {}

    def notify(self, text: str) -> DeliveryCount:
        """Show a message everywhere. Recipients that cannot be reached are left out."""
        line = strip_to_line(text)
        return DeliveryCount(self._notify_terminals(line), self._notify_servers(line))

    def _notify_terminals(self, line: str) -> int:
        """Write to all terminals and return how many of those with an open connection took it.

        A terminal without a connection, such as a detached tmux, gets each message once, for the next person to see.
        """
        message = f"\r\n\a*** {line} ***\r\n".encode()
        is_new, self._last_line = line != self._last_line, line
        reached = 0
        for terminal, has_connection in self._list_terminals():
            if has_connection or is_new:
                reached += _write(self._folder / Path(terminal.name).name, message) and has_connection
        return reached

    def _list_terminals(self) -> list[tuple[Terminal, bool]]:
        try:
            terminals, processes = list_terminals(self._folder), list_processes()
        except OSError as error:
            logger.warning("The terminals cannot be listed: %s", error)
            return []
        return [(terminal, is_connected(terminal, processes, self._folder)) for terminal in terminals]

    def _notify_servers(self, text: str) -> int:
        """Send to all Jupyter servers and return how many took it in time.

        The servers are programs of users and may respond slowly or not at all. Together they cost one limit.
        """
        servers = self._find_servers()[:MAX_SERVERS]
        self._calls = {server: self._calls.get(server) or TimeLimitedCall(self._limit_seconds) for server in servers}
        started = [
            call for server, call in self._calls.items() if call.start(partial(self._notify_server, server, text))
        ]
        return sum(call.wait() is True for call in started)

    def _notify_server(self, server: Server, text: str) -> bool:
        try:
            return self._notify(server, text)
        except Exception as error:  # noqa: BLE001 - users' programs can answer anything
            logger.info("%s (%d) was not notified: %s: %s", server.program, server.pid, type(error).__name__, error)
            return False


def notify_jupyter(server: Server, text: str) -> bool:
    """Send a message to one Jupyter server.

    :returns: whether a browser is connected to it
    :raises UnreachableServer, OSError: the server did not take the message
    """

    def exchange() -> bool:
        access = resolve_access(server.pid)
        post(access, NOTIFICATIONS, {"message": text, "type": "warning", "autoClose": False, "immediate": True})
        status = get(access, "api/status")
        connections = status.get("connections") if isinstance(status, dict) else None
        if not isinstance(connections, int):
            raise UnreachableServer("its answer is not that of Jupyter")
        return connections > 0

    return call_in_network(server.pid, exchange)


def _write(path: Path, message: bytes) -> bool:
    """Write to a terminal and return whether it took the whole message. A full terminal does not take it."""
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
