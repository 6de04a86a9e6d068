"""The last heartbeat response, stored on disk.

After a reboot the instance still knows its policy and its keep, even if gpudesk is unreachable.
"""

from __future__ import annotations

import logging
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response, encode_response
from ssm_documents.probe.files import write_text

logger = logging.getLogger(__name__)


class LastResponse:
    """The last heartbeat response, in memory and in a file; None until gpudesk has sent one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.response: HeartbeatResponse | None = self._load()

    def store(self, response: HeartbeatResponse) -> None:
        """Remember a response, and write the file if the response has changed."""
        if response == self.response:
            return
        self.response = response
        try:
            write_text(self._path, encode_response(response))
        except OSError as error:
            logger.warning("The heartbeat response could not be stored: %s", error)

    def _load(self) -> HeartbeatResponse | None:
        try:
            return decode_response(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError) as error:
            logger.warning("The stored heartbeat response cannot be read: %s", error)
            return None
