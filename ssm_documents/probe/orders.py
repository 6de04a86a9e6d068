"""The desk's last orders, kept on disk: a machine that reboots while the desk is away still knows policy and keep."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from chalicelib.domain.activity.orders import Orders, orders_from, plain_orders
from ssm_documents.probe.files import write_json

logger = logging.getLogger(__name__)


class LastOrders:
    """The last that were heard; None until the desk has given any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.orders: Orders | None = self._load()

    def hear(self, orders: Orders) -> None:
        """Remember them, on disk where they are others than before."""
        if orders == self.orders:
            return
        self.orders = orders
        try:
            write_json(self._path, plain_orders(orders))
        except OSError as error:
            logger.warning("the desk's orders could not be kept: %s", error)

    def _load(self) -> Orders | None:
        try:
            return orders_from(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError) as error:
            logger.warning("the desk's last orders cannot be read: %s", error)
            return None
