"""Define the reason of a decision, as gpudesk records it. The probe carries only the plain `Reason`."""

from dataclasses import dataclass

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.reason import Reason


@dataclass(frozen=True, kw_only=True)
class EventReason(Reason):
    """A reason whose code is an event code."""

    code: EventCode


def to_event_reason(reason: Reason) -> EventReason:
    """Return the reason of an activity judgment with its code as an event code.

    :raises ValueError: its code is not an event code
    """
    return EventReason(code=EventCode(reason.code), message=reason.message)
