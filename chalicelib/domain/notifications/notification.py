"""A message to an owner or to the admins, with the log of its delivery and the time of the next attempt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from chalicelib.domain.common.deadlines import DELIVERY_RETRY_PAUSES, WARNING_RETRY_INTERVAL
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.untrusted_text import clean_line, strip_to_line

DESK_ID = "desk"
"""Instance id of the notifications that are about gpudesk itself."""

MAX_DETAIL_LENGTH = 300


class ChannelType(StrEnum):
    """Kind of address that a notification is sent to."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class DeliveryChannel(StrEnum):
    """One kind of address of one audience. Its value, for example "owner.email", is what is stored and returned.

    :ivar audience: whose address it is
    :ivar channel_type: kind of the address
    """

    _value_: str
    audience: Audience
    channel_type: ChannelType

    def __new__(cls, audience: Audience, channel_type: ChannelType) -> Self:
        """Create a member whose value names the audience and the type."""
        channel = f"{audience}.{channel_type}"
        member = str.__new__(cls, channel)
        member._value_ = channel
        member.audience = audience
        member.channel_type = channel_type
        return member

    OWNER_EMAIL = Audience.OWNER, ChannelType.EMAIL
    OWNER_WEBHOOK = Audience.OWNER, ChannelType.WEBHOOK
    ADMIN_EMAIL = Audience.ADMIN, ChannelType.EMAIL
    ADMIN_WEBHOOK = Audience.ADMIN, ChannelType.WEBHOOK

    @classmethod
    def of(cls, audience: Audience, channel_type: ChannelType) -> Self:
        """Return the member of an audience and a type."""
        return cls[f"{audience.name}_{channel_type.name}"]


class DeliveryState(StrEnum):
    """State of a notification on one channel: still attempted, delivered, or no longer attempted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """One attempt to deliver a notification.

    :param detail: response of the channel, or the error
    """

    at: datetime
    succeeded: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivery of one notification on one channel.

    :param next_attempt_at: earliest time of the next attempt while the state is pending
    """

    state: DeliveryState = DeliveryState.PENDING
    next_attempt_at: datetime
    attempts: tuple[DeliveryAttempt, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Notification:
    """A message to an owner or to the admins.

    :param id: the same for the same event, so that an event is stored once
    :param instance_id: DESK_ID if the notification is about gpudesk itself
    :param instance_name: name of the instance when the event happened
    :param expires_at: no new attempt is made after this time
    :param warning_id: id of the stop warning that the notification announces
    :param stop_at: time of the announced stop or termination
    :param is_termination: whether the warning announces a termination, not a stop
    :param rejected_by: "AWS", or "gpudesk" if it rejected the request without a call of AWS
    :param image_id: id of the image that the notification is about
    """

    id: str
    instance_id: str
    instance_name: str
    owner: str
    code: EventCode
    at: datetime
    message: str
    expires_at: datetime
    warning_id: str | None = None
    stop_at: datetime | None = None
    is_termination: bool = False
    rejected_by: str = "AWS"
    image_id: str | None = None
    deliveries: Mapping[DeliveryChannel, Delivery] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Clean the texts that people read: the name of an adopted instance is a tag that anybody may have set."""
        object.__setattr__(self, "instance_name", strip_to_line(self.instance_name))
        object.__setattr__(self, "message", strip_to_line(self.message))

    @property
    def due_at(self) -> datetime | None:
        """Time of the next attempt on any channel; None if no delivery is pending."""
        pending = (
            delivery.next_attempt_at for delivery in self.deliveries.values() if delivery.state is DeliveryState.PENDING
        )
        return min(pending, default=None)

    def find_due_channels(self, now: datetime) -> Iterator[DeliveryChannel]:
        """Yield the channels on which an attempt is due."""
        for channel, delivery in self.deliveries.items():
            if delivery.state is DeliveryState.PENDING and delivery.next_attempt_at <= now:
                yield channel


def record_attempt(
    notification: Notification, channel: DeliveryChannel, *, succeeded: bool, detail: str, now: datetime
) -> Notification:
    """Return the notification with one more attempt on a channel in its log, and the time of the next one.

    A stop waits for its warning, so a warning is attempted again at least every WARNING_RETRY_INTERVAL. If the next
    attempt would be after `expires_at`, the delivery has failed.
    """
    delivery = notification.deliveries[channel]
    attempts = (
        *delivery.attempts,
        DeliveryAttempt(at=now, succeeded=succeeded, detail=clean_line(detail)[:MAX_DETAIL_LENGTH]),
    )
    pause = DELIVERY_RETRY_PAUSES[min(len(attempts), len(DELIVERY_RETRY_PAUSES)) - 1]
    next_attempt_at = now + (min(pause, WARNING_RETRY_INTERVAL) if notification.warning_id else pause)
    state = DeliveryState.PENDING
    if succeeded:
        state = DeliveryState.DELIVERED
    elif next_attempt_at > notification.expires_at:
        state = DeliveryState.FAILED
    updated = replace(delivery, state=state, next_attempt_at=next_attempt_at, attempts=attempts)
    return replace(notification, deliveries={**notification.deliveries, channel: updated})
