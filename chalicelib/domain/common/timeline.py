"""Timeline entries: what was done or decided, when, by whom, why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason

SYSTEM_ACTOR = "gpudesk"
"""The author of what nobody asked for."""


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """A line of the timeline.

    :param actor: a person, a bot for a person ("slack for ada"), or the desk
    :param details: facts for programs; `reason_code` is why it was done
    """

    at: datetime
    actor: str
    code: EventCode
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


def timeline_entry(
    now: datetime, reason: EventReason, *, actor: str = SYSTEM_ACTOR, details: Mapping[str, str] | None = None
) -> TimelineEntry:
    """A line of the timeline that says `reason`."""
    return TimelineEntry(at=now, actor=actor, code=reason.code, message=reason.message, details=details or {})
