"""Define timeline entries: what was done or decided, when, by whom and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.untrusted_text import strip_to_line

SYSTEM_ACTOR = "gpudesk"
"""Actor of what gpudesk decides on its own."""


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """An entry of the timeline.

    :param actor: a person, a bot on behalf of a person ("slack for ada"), or SYSTEM_ACTOR
    :param details: facts for programs; `reason_code` is the code of the reason why it was done
    """

    at: datetime
    actor: str
    code: EventCode
    message: str
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Clean the texts, because they may quote AWS, a machine or a user."""
        object.__setattr__(self, "message", strip_to_line(self.message))
        if not "".join(self.details.values()).isprintable():
            details = {name: strip_to_line(text) for name, text in self.details.items()}
            object.__setattr__(self, "details", details)


def timeline_entry(
    now: datetime, reason: EventReason, *, actor: str = SYSTEM_ACTOR, details: Mapping[str, str] | None = None
) -> TimelineEntry:
    """Return a timeline entry with the code and the message of `reason`."""
    return TimelineEntry(at=now, actor=actor, code=reason.code, message=reason.message, details=details or {})
