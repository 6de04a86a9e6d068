"""A message to whoever is on the machine: every terminal, and every JupyterLab that shows notifications."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssm_documents.probe.signals.jupyter_api import ask, tell
from ssm_documents.probe.signals.jupyter_servers import NotAskable, Server, access, find_servers
from ssm_documents.probe.signals.namespaces import in_network_of
from ssm_documents.probe.signals.terminals import PTS

logger = logging.getLogger(__name__)

NOTIFICATIONS = "jupyterlab-notifications-extension/ingest"
"""https://pypi.org/project/jupyterlab-notifications-extension/, which the document gpudesk-jupyter installs."""


@dataclass(frozen=True)
class Reached:
    """Whom a message reached.

    :param terminals: that it was written to
    :param notebooks: JupyterLab servers that took it and have a browser connected
    """

    terminals: int = 0
    notebooks: int = 0

    def __bool__(self) -> bool:
        return bool(self.terminals or self.notebooks)


class People:
    """Those on this machine.

    `wall` writes to whom utmp knows; a pane of tmux, a terminal of Jupyter or VS Code and a session by SSM are not in
    it. So the message goes to each terminal itself.

    :param folder: where the terminals are
    :param notify: gives a text to one Jupyter server's people; whether anybody is connected to it
    """

    def __init__(
        self,
        folder: Path = PTS,
        servers: Callable[[], Sequence[Server]] = find_servers,
        notify: Callable[[Server, str], bool] | None = None,
    ) -> None:
        self._folder = folder
        self._servers = servers
        self._notify = notify or notify_jupyter

    def tell(self, text: str) -> Reached:
        """Say it everywhere; what cannot be reached is passed over."""
        line = "".join(each if each.isprintable() else " " for each in text)
        message = f"\r\n\a*** {line} ***\r\n".encode()
        terminals = sum(_write(path, message) for path in sorted(self._folder.glob("[0-9]*")))
        return Reached(terminals, sum(self._told(server, line) for server in self._servers()))

    def _told(self, server: Server, text: str) -> bool:
        try:
            return self._notify(server, text)
        except (NotAskable, OSError) as error:
            logger.info("%s (%d) was not told: %s", server.program, server.pid, error)
            return False


def notify_jupyter(server: Server, text: str) -> bool:
    """Whether it took the message and has a browser connected.

    :raises NotAskable, OSError: it did not take it
    """

    def exchange() -> bool:
        way = access(server.pid)
        tell(way, NOTIFICATIONS, {"message": text, "type": "warning", "autoClose": False, "immediate": True})
        return int(ask(way, "api/status").get("connections", 0)) > 0

    return in_network_of(server.pid, exchange)


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
