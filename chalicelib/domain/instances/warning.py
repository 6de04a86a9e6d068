"""The stop warning of an instance: its reason, the announced time, and the channels that delivered it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.common.deadlines import USER_RESPONSE_WAIT, WARNING_DELIVERY_WAIT
from chalicelib.domain.common.text import format_time


class WarningType(StrEnum):
    """Reason of a stop warning."""

    IDLE = "idle"
    LIFETIME = "lifetime"
    NO_AGENT = "no_agent"
    FAILED = "failed"
    SPOT = "spot"


@dataclass(frozen=True, kw_only=True)
class WarningDelivery:
    """Delivery of a stop warning by a channel: email, webhook, terminals or jupyterlab."""

    channel: str
    delivered_at: datetime


@dataclass(frozen=True, kw_only=True)
class StopWarning:
    """The announcement that gpudesk will stop or terminate an instance.

    :param stop_at: gpudesk does not act before this time
    :param message: the announcement, as people read it
    :param requires_delivery: a channel can deliver the warning, so that it makes sense to wait for that
    :param deliveries: the channels that delivered it, each once
    """

    warning_type: WarningType
    created_at: datetime
    stop_at: datetime
    message: str
    requires_delivery: bool = False
    deliveries: tuple[WarningDelivery, ...] = ()

    @property
    def id(self) -> str:
        """Id that is unique among the warnings of an instance."""
        return f"{self.warning_type}-{int(self.created_at.timestamp())}"

    @property
    def stop_by(self) -> datetime:
        """The time at which gpudesk stops waiting for a delivery and acts: `stop_at` or later.

        It waits at most `WARNING_DELIVERY_WAIT` for a delivery, and after the first delivery long enough that people
        can react to it.
        """
        latest = self.stop_at + WARNING_DELIVERY_WAIT
        if not self.deliveries:
            return latest if self.requires_delivery else self.stop_at
        first = min(delivery.delivered_at for delivery in self.deliveries)
        return min(max(self.stop_at, first + min(USER_RESPONSE_WAIT, self.stop_at - self.created_at)), latest)

    @property
    def delivery_summary(self) -> str:
        """The time of the warning and the channels that delivered it, as a sentence."""
        if self.deliveries:
            channels = ", ".join(delivery.channel for delivery in self.deliveries)
            return f"Warned at {format_time(self.created_at)} by {channels}."
        if self.requires_delivery:
            return f"The warning of {format_time(self.created_at)} could not be delivered."
        return "Nobody could be warned: no e-mail or webhook is configured."

    def can_act(self, now: datetime) -> bool:
        """Return whether gpudesk may do now what the warning announced."""
        return now >= self.stop_by

    def is_delivered_by(self, channel: str) -> bool:
        """Return whether the channel has delivered the warning."""
        return any(delivery.channel == channel for delivery in self.deliveries)
