"""Webhook receivers for scenario tests, without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.channels.webhook import WebhookSender
from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.desk.channels import Channels
from tests.support.world import World

WEBHOOK_URL = "https://hooks.example.org/gpu"


@dataclass
class WebhookReceiver:
    """Receives messages as (message id, body). A receiver that is down accepts none.

    :ivar attempt_count: number of deliveries that were attempted
    :ivar messages: messages about instances and images
    :ivar welcome_messages: messages of type `webhook_registered`
    :ivar ready_messages: messages of type `ready`. They are separate because nearly every scenario begins with one.
    :ivar before_delivery: called before each delivery
    """

    is_down: bool = False
    attempt_count: int = 0
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    welcome_messages: list[tuple[str, bytes]] = field(default_factory=list)
    ready_messages: list[tuple[str, bytes]] = field(default_factory=list)
    before_delivery: Callable[[], Any] = lambda: None

    def list_types(self) -> list[str]:
        """Return the types of `messages`, in order."""
        return [json.loads(body)["type"] for _, body in self.messages]


@dataclass(frozen=True)
class FakeWebhookSender(WebhookSender):
    """Sender that hands messages to a receiver without a network."""

    receiver: WebhookReceiver = field(default_factory=WebhookReceiver)

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        self.receiver.attempt_count += 1
        self.receiver.before_delivery()
        if self.receiver.is_down:
            raise DeliveryFailed("connection refused")
        lists = {"webhook_registered": self.receiver.welcome_messages, "ready": self.receiver.ready_messages}
        lists.get(json.loads(body)["type"], self.receiver.messages).append((message_id, body))
        return "The receiver responded with status 200."


def add_webhook(world: World, owner: str = "ada") -> WebhookReceiver:
    """Set a webhook for the owner, and return its receiver."""
    box = WebhookReceiver()
    notifications = replace(
        world.application.notifications,
        webhook=FakeWebhookSender(receiver=box),
        get_webhook_secret=lambda name, number: "whsec_AAAA",
    )
    watchdog = replace(world.application.sweep_watchdog, sender=notifications)
    world.replace_application(replace(world.application, notifications=notifications, sweep_watchdog=watchdog), box)
    owners = world.application.reconciler.stores.owners
    owners.save(replace(owners.get(owner), channels=Channels(webhook=WEBHOOK_URL)))
    return box


def add_admin_webhook(world: World) -> None:
    """Set a webhook for the admins. Call `add_webhook` first: both use the same receiver."""
    store = world.application.reconciler.stores.desk
    store.save_settings(replace(store.get_settings(), channels=Channels(webhook=f"{WEBHOOK_URL}/admin")))
