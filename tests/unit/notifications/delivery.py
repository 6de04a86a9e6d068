"""Delivery of notifications with stores in memory and fake channels that keep the messages."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.email import EmailTopic
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.domain.common.event_codes import Audience
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.email_subscription import EmailState, EmailSubscription
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.desk import DeskRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.owners import OwnerRepository
from chalicelib.store.repositories import Repositories
from local.clock import ManualClock
from tests.support.ready_instance import MINUTE
from tests.unit.notifications.instances import NOW

EMAIL_ADDRESSES = {Audience.OWNER: "ada@example.org", Audience.ADMIN: "admins@example.org"}
WEBHOOK_URLS = {Audience.OWNER: "https://example.org/ada", Audience.ADMIN: "https://example.org/admins"}
DIRECTORY = ChannelDirectory(
    owners={"ada": Channels(email=EMAIL_ADDRESSES[Audience.OWNER], webhook=WEBHOOK_URLS[Audience.OWNER])},
    admin=Channels(email=EMAIL_ADDRESSES[Audience.ADMIN], webhook=WEBHOOK_URLS[Audience.ADMIN]),
)


class OneInstanceRepository(InstanceRepository):
    """Repository with one record."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def load(self, id_or_name: str) -> Instance | None:
        return self.instance

    def exists_for_ec2_id(self, ec2_instance_id: str) -> bool:
        return False

    def write(self, write: RecordWrite) -> Instance:
        self.instance = write.after
        return write.after


class FakeOutbox(NotificationOutbox):
    """Outbox in memory.

    :ivar pending: notifications by id
    """

    def __init__(self, notifications: Iterable[Notification] = ()) -> None:
        self.pending = {notification.id: notification for notification in notifications}

    def list_due(self, now: datetime, most: int) -> Iterator[Notification]:
        return iter([*self.pending.values()])

    def put_if_absent(self, notification: Notification) -> bool:
        return self.pending.setdefault(notification.id, notification) is notification

    def save(self, notification: Notification) -> None:
        self.pending[notification.id] = notification


class FakeDeskRepository(DeskRepository):
    """Desk repository without a table."""

    def __init__(self) -> None:
        super().__init__("us-east-1")

    def find_email_subscription(self, address: str, generation: int) -> EmailSubscription | None:
        state = EmailState.CONFIRMED
        return EmailSubscription(address=address, generation=generation, state=state, requested_at=NOW)

    def get_last_completed_at(self, name: str) -> datetime | None:
        return NOW - 11 * MINUTE

    def acquire_lease(self, name: str, holder: str, *, now: datetime, duration: timedelta) -> str | None:
        return ""

    def release_lease(self, name: str, holder: str, **rest: Any) -> None:
        pass

    def get_settings(self) -> DeskSettings:
        return DeskSettings(channels=DIRECTORY.admin)


class FakeOwnerRepository(OwnerRepository):
    """Repository with the settings of the owners in `DIRECTORY`."""

    def list_all(self) -> dict[str, OwnerSettings]:
        return {owner: OwnerSettings(owner=owner, channels=channels) for owner, channels in DIRECTORY.owners.items()}


class FakeEmailTopic(EmailTopic):
    """E-mail topic that keeps the last mail of each address."""

    def __init__(self) -> None:
        super().__init__(build_client_sets().loop, "")
        self.mails: dict[str, tuple[str, str]] = {}

    def list_states(self) -> dict[str, EmailState]:
        return dict.fromkeys(EMAIL_ADDRESSES.values(), EmailState.CONFIRMED)

    def send(self, address: str, state: EmailState | None, subject: str, text: str) -> str:
        self.mails[address] = (subject, text)
        return "accepted"


@dataclass(frozen=True)
class FakeWebhookSender(WebhookSender):
    """Webhook sender that keeps the last message of each URL."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        self.messages[url] = json.loads(body)
        return "The receiver responded with status 200."


@dataclass
class Deliveries:
    """Delivered mails by address, and webhook messages by URL."""

    mails: dict[str, tuple[str, str]]
    webhooks: dict[str, dict[str, Any]]


def build_sender(instance: Instance, outbox: FakeOutbox) -> NotificationSender:
    return NotificationSender(
        stores=Repositories(
            instances=OneInstanceRepository(instance),
            desk=FakeDeskRepository(),
            owners=FakeOwnerRepository(),
            notifications=outbox,
        ),
        email=FakeEmailTopic(),
        webhook=FakeWebhookSender(),
        get_webhook_secret=lambda name, number: "whsec_AAAA",
        clock=ManualClock(NOW),
    )


def read_deliveries(notifications: NotificationSender) -> Deliveries:
    assert isinstance(notifications.email, FakeEmailTopic)
    assert isinstance(notifications.webhook, FakeWebhookSender)
    return Deliveries(notifications.email.mails, notifications.webhook.messages)


def deliver(instance: Instance, entries: Sequence[TimelineEntry]) -> Deliveries:
    """Deliver the notifications about new timeline entries, and return the deliveries."""
    notifications = build_sender(instance, FakeOutbox(build_notifications(instance, entries, DIRECTORY)))
    notifications.run()
    return read_deliveries(notifications)
