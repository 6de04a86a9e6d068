"""The watch over the sweep: a schedule of its own that tells the admins when the sweep's mark is old."""

import logging
from dataclasses import dataclass

from chalicelib.control.loop.address_book import load_channel_directory
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.sweep import SWEEP_LEASE_NAME
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SWEEP_OVERDUE_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.notifications.notification import desk_notification
from chalicelib.store.desk import DeskRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.owners import OwnerRepository

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepWatchdog:
    """Tells, once for each silence."""

    desk: DeskRepository
    owners: OwnerRepository
    outbox: NotificationOutbox
    sender: NotificationSender
    clock: Clock

    def check(self) -> bool:
        """:returns: whether the sweep is overdue"""
        now, last = self.clock.now(), self.desk.last_completed_at(SWEEP_LEASE_NAME)
        if last is None or now - last <= SWEEP_OVERDUE_AFTER:
            return False
        message = (
            f"The scheduled sweep has not completed since {format_date_time(last)}, {format_duration(now - last)} ago. "
            "Until it does, gpudesk warns of nothing, stops nothing and sets up nothing. Idle instances stop "
            "themselves 15 minutes later than gpudesk would stop them. Look at the log of the function sweep "
            "(CloudWatch, /aws/lambda)."
        )
        LOG.error(message)
        directory = load_channel_directory(self.desk.settings(), self.owners)
        self.outbox.put_if_absent(desk_notification(EventCode.SWEEP_OVERDUE, message, last, now, directory))
        self.sender.send_due(directory)
        return True
