"""Reasons and timeline entries quote machines, users and AWS."""

from datetime import UTC, datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry


def test_reason_and_timeline_entry_hold_nothing_that_a_terminal_obeys() -> None:
    reason = EventReason(code=EventCode.BUSY, message="Busy:\n\x1b[31m\u202etrain\x00.")
    entry = timeline_entry(datetime(2026, 1, 5, tzinfo=UTC), reason, details={"driver": "\x1b]0;x\a550", "n": "1"})
    assert (reason.message, entry.message) == ("Busy: train.", "Busy: train.")
    assert entry.details == {"driver": "550", "n": "1"}
