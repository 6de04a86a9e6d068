"""The watch over the sweep: a schedule of its own that tells the admins when the sweep's mark is old."""

import logging
from dataclasses import dataclass

from chalicelib.control.deliver import Postman
from chalicelib.control.sweep import LEASE
from chalicelib.domain.clock import Clock
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.notices import AddressBook, desk_notice
from chalicelib.domain.timings import SWEEP_OLD
from chalicelib.store.desk import DeskStore
from chalicelib.store.notices import Notices

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """Tells, once for each silence."""

    desk: DeskStore
    notices: Notices
    postman: Postman
    clock: Clock

    def look(self, book: AddressBook) -> bool:
        """:returns: whether the sweep is overdue"""
        now, last = self.clock.now(), self.desk.last_done(LEASE)
        if last is None or now - last <= SWEEP_OLD:
            return False
        minutes = int((now - last).total_seconds() // 60)
        sentence = (
            f"The scheduled sweep has not completed since {last:%Y-%m-%d %H:%M} UTC, {minutes} minutes ago. Until it "
            "does, gpudesk warns of nothing, stops nothing and sets up nothing. Idle instances stop themselves 15 "
            "minutes later than gpudesk would stop them. Look at the log of the function sweep (CloudWatch, "
            "/aws/lambda)."
        )
        LOG.error(sentence)
        self.notices.put_new(desk_notice(EventCode.SWEEP_OVERDUE, sentence, last, now, book))
        self.postman.deliver(book)
        return True
