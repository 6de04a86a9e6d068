"""The desk's last orders, kept on disk: a machine that reboots while the desk is away still knows policy and keep."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response, encode_response
from ssm_documents.probe.files import write_json

logger = logging.getLogger(__name__)


class LastResponse:
    """The last that were heard; None until the desk has given any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.response: HeartbeatResponse | None = self._load()

    def store(self, orders: HeartbeatResponse) -> None:
        """Remember them, on disk where they are others than before."""
        if orders == self.response:
            return
        self.response = orders
        try:
            write_json(self._path, encode_response(orders))
        except OSError as error:
            logger.warning("the desk's orders could not be kept: %s", error)

    def _load(self) -> HeartbeatResponse | None:
        try:
            return decode_response(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError) as error:
            logger.warning("the desk's last orders cannot be read: %s", error)
            return None
