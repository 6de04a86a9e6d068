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
            f"The sweep has not come to its end since {last:%Y-%m-%d %H:%M} UTC, {minutes} minutes ago: nothing is "
            "warned of, stopped or set up until it does. Idle machines stop themselves a quarter of an hour later than "
            "the desk would. Look at the function's log (CloudWatch, /aws/lambda, sweep)"
        )
        LOG.error(sentence)
        self.notices.put_new(desk_notice(EventCode.SWEEP_OVERDUE, sentence, last, now, book))
        self.postman.deliver(book)
        return True
