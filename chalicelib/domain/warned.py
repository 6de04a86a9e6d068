"""A warning that stands: what it is of, when it acts, and whom it has reached."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.timings import ANSWER_WAIT, DELIVERY_WAIT


class WarningKind(StrEnum):
    """What people are warned of."""

    IDLE = "idle"
    LIFETIME = "lifetime"
    NO_AGENT = "no_agent"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A channel that has taken the warning: email, webhook, terminals, jupyterlab."""

    channel: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A warning that stands.

    :param acts_at: the stop or terminate does not come before
    :param awaits: there is a channel that it can be delivered by, so that waiting for it makes sense
    :param delivered: the channels that have taken it, each once
    """

    kind: WarningKind
    at: datetime
    acts_at: datetime
    sentence: str
    awaits: bool = False
    delivered: tuple[Delivered, ...] = ()

    @property
    def id(self) -> str:
        """Unique among an instance's warnings."""
        return f"{self.kind}-{int(self.at.timestamp())}"

    @property
    def waits_until(self) -> datetime:
        """So long at most the stop waits for a delivery, and then for whoever has it to answer it."""
        latest = self.acts_at + DELIVERY_WAIT
        if not self.delivered:
            return latest if self.awaits else self.acts_at
        first = min(each.at for each in self.delivered)
        return min(max(self.acts_at, first + min(ANSWER_WAIT, self.acts_at - self.at)), latest)

    @property
    def in_words(self) -> str:
        """When and by what people were warned, as a sentence."""
        if self.delivered:
            return f"Warned at {self.at:%H:%M} UTC by {', '.join(each.channel for each in self.delivered)}."
        if self.awaits:
            return f"The warning of {self.at:%H:%M} UTC could not be delivered."
        return "Nobody could be warned: no e-mail or webhook is configured."

    def is_due(self, now: datetime) -> bool:
        """Whether what was warned of may be done."""
        return now >= self.waits_until

    def has_reached(self, channel: str) -> bool:
        return any(each.channel == channel for each in self.delivered)
