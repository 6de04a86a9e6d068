"""A warning that stands: what it is of, when it acts, and whom it has reached."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.common.deadlines import USER_RESPONSE_WAIT, WARNING_DELIVERY_WAIT
from chalicelib.domain.common.text import format_time


class WarningType(StrEnum):
    """What people are warned of."""

    IDLE = "idle"
    LIFETIME = "lifetime"
    NO_AGENT = "no_agent"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class WarningDelivery:
    """A channel that has taken the warning: email, webhook, terminals, jupyterlab."""

    channel: str
    delivered_at: datetime


@dataclass(frozen=True, kw_only=True)
class StopWarning:
    """A warning that stands.

    :param stop_at: the stop or terminate does not come before
    :param requires_delivery: there is a channel that it can be delivered by, so that waiting for it makes sense
    :param deliveries: the channels that have taken it, each once
    """

    warning_type: WarningType
    created_at: datetime
    stop_at: datetime
    message: str
    requires_delivery: bool = False
    deliveries: tuple[WarningDelivery, ...] = ()

    @property
    def id(self) -> str:
        """Unique among an instance's warnings."""
        return f"{self.warning_type}-{int(self.created_at.timestamp())}"

    @property
    def stop_by(self) -> datetime:
        """So long at most the stop waits for a delivery, and then for whoever has it to answer it."""
        latest = self.stop_at + WARNING_DELIVERY_WAIT
        if not self.deliveries:
            return latest if self.requires_delivery else self.stop_at
        first = min(delivery.delivered_at for delivery in self.deliveries)
        return min(max(self.stop_at, first + min(USER_RESPONSE_WAIT, self.stop_at - self.created_at)), latest)

    @property
    def delivery_summary(self) -> str:
        """When and by what people were warned, as a sentence."""
        if self.deliveries:
            channels = ", ".join(delivery.channel for delivery in self.deliveries)
            return f"Warned at {format_time(self.created_at)} by {channels}."
        if self.requires_delivery:
            return f"The warning of {format_time(self.created_at)} could not be delivered."
        return "Nobody could be warned: no e-mail or webhook is configured."

    def can_act(self, now: datetime) -> bool:
        """Whether what was warned of may be done."""
        return now >= self.stop_by

    def is_delivered_by(self, channel: str) -> bool:
        return any(delivery.channel == channel for delivery in self.deliveries)
