"""Find out that another function has refreshed the catalog.

A process of Lambda lives for hours. It reads the stored catalog when it starts and every 10 minutes, so that requests
do not.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import CATALOG_CHECKED_AFTER, CATALOG_RETRIED_AFTER
from chalicelib.store.catalog import CatalogRepository
from chalicelib.store.connections import limit_request_time

LOG = logging.getLogger(__name__)

READ_SECONDS = 1.5
"""A person may wait for the read. It takes one call of DynamoDB."""


@dataclass
class CatalogUpdates:
    """The reading that the catalog of this process is built from, and the search for a newer one.

    :param known: the reading that the catalog is built from; empty: the packaged catalog
    """

    catalog: CatalogRepository
    clock: Clock
    known: CatalogReading = field(default_factory=CatalogReading)
    _next_check_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Wait with the next check if the reading comes from the last one."""
        if self.known != CatalogReading():
            self._next_check_at = self.clock.now() + CATALOG_CHECKED_AFTER

    def find_new(self) -> CatalogReading | None:
        """Return the stored reading if it is another one; None: it is the known one, or was read a moment ago.

        If DynamoDB does not respond, the process continues with the catalog that it has.
        """
        with self._lock:  # One thread reads. The others go on with the catalog that they have.
            if not self._begin_check(CATALOG_RETRIED_AFTER):
                return None
        try:
            with limit_request_time(READ_SECONDS):
                found = self.catalog.find()
        except Exception:
            LOG.exception("The refreshed catalog could not be read. The last one is used.")
            return None
        self._next_check_at = self.clock.now() + CATALOG_CHECKED_AFTER
        return found if found and found != self.known else None

    def _begin_check(self, delay: timedelta) -> bool:
        """Return whether a check is due. The next one is not before the delay has passed."""
        now = self.clock.now()
        if self._next_check_at is not None and now < self._next_check_at:
            return False
        self._next_check_at = now + delay
        return True
