"""Reason of a decision, as the desk records it. The probe carries the plain `Reason` alone."""

from dataclasses import dataclass

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.reason import Reason


@dataclass(frozen=True, kw_only=True)
class EventReason(Reason):
    """A reason whose code is one of the desk's event codes."""

    code: EventCode


def to_event_reason(reason: Reason) -> EventReason:
    """Return the reason of an activity judgment as one of the desk's.

    :raises ValueError: its code is not an event code
    """
    return EventReason(code=EventCode(reason.code), message=reason.message)
