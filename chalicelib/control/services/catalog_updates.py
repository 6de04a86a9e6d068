"""Find out that another function has refreshed the catalog.

A process of Lambda lives for hours. It reads the stored catalog when it starts and from time to time, so that requests
do not.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import CATALOG_RETRIED_AFTER
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
    _checked_at: datetime | None = None
    _has_failed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Wait with the next check if the reading comes from the last one."""
        if self.known != CatalogReading():
            self._checked_at = self.clock.now()

    def find_new(self, max_age: timedelta) -> CatalogReading | None:
        """Return the stored reading if it is another one; None: it is the known one, or was read a moment ago.

        If DynamoDB does not respond, the process continues with the catalog that it has.

        :param max_age: nothing is read if the last read is younger
        """
        with self._lock:  # One thread reads. The others go on with the catalog that they have.
            if not self._begin_check(CATALOG_RETRIED_AFTER if self._has_failed else max_age):
                return None
        try:
            with limit_request_time(READ_SECONDS):
                found = self.catalog.find()
        except Exception:
            LOG.exception("The refreshed catalog could not be read. The last one is used.")
            self._has_failed = True
            return None
        self._has_failed = False
        return found if found and found != self.known else None

    def _begin_check(self, max_age: timedelta) -> bool:
        """Return whether a check is due, and note that it begins."""
        now = self.clock.now()
        if self._checked_at is not None and now - self._checked_at < max_age:
            return False
        self._checked_at = now
        return True
