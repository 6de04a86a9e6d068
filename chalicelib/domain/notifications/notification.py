"""What people are told, by which channel, and what became of it: the delivery log, and when to try again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.deadlines import NOTIFICATION_EXPIRY, WARNING_RETRY_INTERVAL
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory, Recipient
from chalicelib.domain.instances.record import ClaimAction, Instance

REQUESTED_CODES = (EventCode.STOP_REQUESTED, EventCode.TERMINATE_REQUESTED)
"""Reasons of a stop or a termination that somebody asked for: its beginning is no news, how it ends is."""

RETRY_BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 1, 2, 4, 8, 15, 30))
"""Between two tries of one channel; the last one from then on."""


class DeliveryState(StrEnum):
    """What has become of a notice on one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """One attempt to deliver.

    :param detail: what the channel said
    """

    at: datetime
    succeeded: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A notice's way on one channel.

    :param audience: who is told by it: owner or admin
    :param next_attempt_at: not tried again before
    """

    audience: Audience
    state: DeliveryState = DeliveryState.PENDING
    next_attempt_at: datetime
    attempts: tuple[DeliveryAttempt, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Notification:
    """Something that somebody is told.

    :param id: the same for the same event, so that telling it twice writes it once
    :param instance_id: "desk" where it is about the desk itself
    :param expires_at: after that it is no use any more
    :param instance_name: as people know it
    :param warning_id: of the warning that it carries
    :param is_termination: the warning announces a termination, not a stop
    :param image_id: of the image that it is about
    :param deliveries: by channel ("owner.email", "admin.webhook")
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
    image_id: str | None = None
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def due_at(self) -> datetime | None:
        """When the next channel is to be tried; None: nothing is left to do."""
        waiting = (
            delivery.next_attempt_at for delivery in self.deliveries.values() if delivery.state is DeliveryState.PENDING
        )
        return min(waiting, default=None)

    def due(self, now: datetime) -> Iterator[str]:
        """The channels to be tried now."""
        for channel, delivery in self.deliveries.items():
            if delivery.state is DeliveryState.PENDING and delivery.next_attempt_at <= now:
                yield channel


def notifications_for(
    instance: Instance, entries: Iterable[TimelineEntry], directory: ChannelDirectory
) -> tuple[Notification, ...]:
    """What is to be told of a change, by every channel of those whom it concerns; nobody to tell, no notice.

    :param instance: as it is written
    :param entries: the lines that are written with it
    """
    return tuple(
        notice for entry in entries if _is_news(entry) and (notice := _notice(instance, entry, directory)).deliveries
    )


def desk_notification(
    code: EventCode, message: str, since: datetime, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Something about the desk itself, for its admins.

    :param since: since when it is so: the same since is the same notice
    """
    return Notification(
        id=f"desk.{code}.{int(since.timestamp())}",
        instance_id="desk",
        instance_name="the desk",
        owner="admin",
        code=code,
        at=now,
        message=message,
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries=_deliveries(code.audience, "admin", directory, now),
    )


def webhook_welcomes(directory: ChannelDirectory, now: datetime) -> dict[str, Notification]:
    """A first message for each webhook, so that its owner can see it arrive and check the signature.

    :returns: by a name that is another one once the webhook has another secret
    """
    everybody = [
        *(directory.recipient_for(Audience.OWNER, owner) for owner in directory.owners),
        Recipient("desk", directory.admin),
    ]
    return {
        f"{recipient.name}.{recipient.channels.webhook_generation}": _webhook_welcome(recipient, now)
        for recipient in everybody
        if recipient.channels.webhook
    }


def _webhook_welcome(addressee: Recipient, now: datetime) -> Notification:
    code = EventCode.WEBHOOK_REGISTERED
    kind, _, owner = addressee.name.partition("/")
    to = Audience.OWNER if kind == "owner" else Audience.ADMIN
    return Notification(
        id=f"{addressee.name}.{code}.{addressee.channels.webhook_generation}",
        instance_id="desk",
        instance_name="the desk",
        owner=owner or "admin",
        code=code,
        at=now,
        message=(
            "This webhook is registered: stop warnings and other notifications of GPU instances arrive here, signed "
            "like this one."
        ),
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries={f"{to}.webhook": Delivery(audience=to, next_attempt_at=now)},
    )


def record_attempt(notice: Notification, channel: str, *, succeeded: bool, detail: str, now: datetime) -> Notification:
    """What a try changes: done, again after a pause, or given up."""
    delivery = notice.deliveries[channel]
    tries = (*delivery.attempts, DeliveryAttempt(at=now, succeeded=succeeded, detail=detail[:300]))
    pause = RETRY_BACKOFF[min(len(tries), len(RETRY_BACKOFF)) - 1]
    next_at = now + (min(pause, WARNING_RETRY_INTERVAL) if notice.warning_id else pause)
    state = DeliveryState.PENDING
    if succeeded:
        state = DeliveryState.DELIVERED
    elif next_at > notice.expires_at:
        state = DeliveryState.FAILED
    after = replace(delivery, state=state, next_attempt_at=next_at, attempts=tries)
    return replace(notice, deliveries={**notice.deliveries, channel: after})


def _is_news(entry: TimelineEntry) -> bool:
    return bool(entry.code.audience) and entry.details.get("reason_code") not in REQUESTED_CODES


def _notice(instance: Instance, entry: TimelineEntry, directory: ChannelDirectory) -> Notification:
    warned = instance.warning if instance.warning and instance.warning.created_at == entry.at else None
    return Notification(
        id=f"{instance.id}.{entry.code}.{int(entry.at.timestamp())}",
        instance_id=instance.id,
        instance_name=entry.details.get("former_name", instance.name),
        owner=instance.owner,
        code=entry.code,
        at=entry.at,
        message=entry.message,
        expires_at=warned.stop_by if warned else entry.at + NOTIFICATION_EXPIRY,
        warning_id=warned.id if warned else None,
        stop_at=warned.stop_at if warned else None,
        is_termination=entry.details.get("action") == ClaimAction.TERMINATE,
        image_id=entry.details.get("image"),
        deliveries=_deliveries(entry.code.audience, instance.owner, directory, entry.at),
    )


def _deliveries(
    audience: tuple[Audience, ...], owner: str, directory: ChannelDirectory, now: datetime
) -> dict[str, Delivery]:
    """By each address once, also where owner and admin share it."""
    found: dict[str, Delivery] = {}
    observation: set[str] = set()
    for whom in audience:
        channels = directory.recipient_for(whom, owner).channels
        for kind, address in (("email", channels.email), ("webhook", channels.webhook)):
            if address and address not in observation:
                observation.add(address)
                found[f"{whom}.{kind}"] = Delivery(audience=whom, next_attempt_at=now)
    return found
