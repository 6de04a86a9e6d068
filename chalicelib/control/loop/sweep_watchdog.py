"""Check that the sweep and the deliveries run. The watchdog has its own schedule, so it runs even if they do not."""

import logging
from dataclasses import dataclass
from datetime import datetime

from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SWEEP_OVERDUE_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_age, format_date_time, format_duration
from chalicelib.domain.notifications.desk_notifications import build_desk_notification
from chalicelib.store.desk import SWEEP_LEASE_NAME
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepWatchdog:
    """Notifies the admins of an overdue sweep, once until a sweep completes again, and delivers what is overdue."""

    stores: Repositories
    sender: NotificationSender
    clock: Clock

    def check(self) -> bool:
        """Return whether the sweep is overdue, and notify the admins if it is.

        Before the first sweep has completed, nothing is overdue.
        """
        now, last = self.clock.now(), self.stores.desk.get_last_completed_at(SWEEP_LEASE_NAME)
        self._deliver_overdue(now)
        if last is None or now - last <= SWEEP_OVERDUE_AFTER:
            return False
        message = (
            f"The scheduled sweep has not completed since {format_date_time(last)}, {format_age(now - last)}: "
            "it does not run, or a region rejects its calls or does not answer. Until it completes, gpudesk stops no "
            "instance (or none in that region) on its own, not even at the end of max_hours, and does not repeat calls "
            "that failed. An idle instance with a working probe stops itself 15 minutes later than gpudesk would stop "
            "it; all others run on and are billed. Read the log of the function sweep in CloudWatch Logs."
        )
        LOG.error(message)
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        notification = build_desk_notification(EventCode.SWEEP_OVERDUE, message, last, now, directory)
        self.stores.notifications.put_if_absent(notification)
        self.sender.run()
        return True

    def _deliver_overdue(self, now: datetime) -> None:
        """Deliver notifications that have been due for so long that the function for them does not run."""
        if next(iter(self.stores.notifications.list_due(now - SWEEP_OVERDUE_AFTER, 1)), None) is None:
            return
        duration = format_duration(SWEEP_OVERDUE_AFTER)
        LOG.error("Notifications have been due for %s. Read the log of the function deliver_notifications.", duration)
        self.sender.run()
