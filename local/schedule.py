"""The scheduled functions of a run, called as EventBridge calls them on AWS."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import app

LOG = logging.getLogger(__name__)

SWEEP_CHECK_MINUTES = 5
READING_MINUTES = 5
BUDGET_CHECK_MINUTES = 15


class Schedule:
    """The functions of each minute in one thread, and those that read much of AWS in another.

    On AWS every function runs on its own. With one thread, the sweep would wait for the readings, and an instance whose
    stop is announced would stop itself, because it takes gpudesk for unreachable.
    """

    def __init__(self) -> None:
        """Start without a reading in progress."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readings")
        self._reading: Future[None] | None = None

    def call(self, event: dict[str, Any]) -> None:
        """Call what is due in the minute of the event. The others are called even if the sweep fails."""
        minute = datetime.fromisoformat(event["time"]).minute
        try:
            app.sweep(event, None)
        finally:
            self._start_reading(event, minute)
            app.deliver_notifications(event, None)
            app.tag_for_adoption(event, None)
            if minute % BUDGET_CHECK_MINUTES == 0:
                app.check_budgets(event, None)
            if minute % SWEEP_CHECK_MINUTES == 0:
                app.check_sweep_health(event, None)

    def stop(self) -> None:
        """Wait for the reading in progress."""
        self._executor.shutdown(cancel_futures=True)

    def _start_reading(self, event: dict[str, Any], minute: int) -> None:
        """Read every fifth minute, unless the last reading has not ended."""
        if minute % READING_MINUTES == 0 and (self._reading is None or self._reading.done()):
            self._reading = self._executor.submit(_read, event, minute)


def _read(event: dict[str, Any], minute: int) -> None:
    """Follow quota requests, and refresh catalog and offers if due.

    Foreign instances are listed every hour, so that nobody waits a day of the cloud for them.
    """
    try:
        app.follow_quota_requests(event, None)
        app.refresh_catalog(event, None)
        app.refresh_offers(event, None)
        if minute == 0:
            app.list_foreign_instances(event, None)
    except Exception:
        LOG.exception("A scheduled reading failed. The next one follows.")
