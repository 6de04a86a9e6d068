"""Webhook receivers for scenario tests, without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.channels.webhook import WebhookSender
from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.desk.channels import Channels
from tests.support.world import World

HOOK = "https://hooks.example.org/gpu"


@dataclass
class Box:
    """Received messages by message id. A receiver that is down accepts none.

    :ivar tries: number of deliveries that were attempted
    :ivar arrived: messages about instances and images
    :ivar greetings: first messages, which are about the webhook itself
    :ivar ready: messages that an instance is ready, with which nearly every scenario begins
    :ivar before: called before each delivery
    """

    is_down: bool = False
    tries: int = 0
    arrived: list[tuple[str, bytes]] = field(default_factory=list)
    greetings: list[tuple[str, bytes]] = field(default_factory=list)
    ready: list[tuple[str, bytes]] = field(default_factory=list)
    before: Callable[[], Any] = lambda: None

    def types(self) -> list[str]:
        """Return the types of the messages that arrived, in order."""
        return [json.loads(body)["type"] for _, body in self.arrived]


@dataclass(frozen=True)
class PretendWebhook(WebhookSender):
    """The interface of the real sender, without a network."""

    box: Box = field(default_factory=Box)

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        self.box.tries += 1
        self.box.before()
        if self.box.is_down:
            raise DeliveryFailed("connection refused")
        apart = {"webhook_registered": self.box.greetings, "ready": self.box.ready}
        apart.get(json.loads(body)["type"], self.box.arrived).append((message_id, body))
        return "The receiver responded with status 200."


def listening(desk: World, owner: str = "ada") -> Box:
    """Give the owner a webhook, and return its receiver."""
    box = Box()
    notifications = replace(
        desk.desk.sweep.notifications,
        webhook=PretendWebhook(box=box),
        get_webhook_secret=lambda name, number: "whsec_AAAA",
    )
    sweep = replace(desk.desk.sweep, notifications=notifications)
    watchdog = replace(desk.desk.sweep_watchdog, sender=notifications)
    desk.rewire(replace(desk.desk, sweep=sweep, sweep_watchdog=watchdog), box)
    owners = desk.desk.reconciler.stores.owners
    owners.save(replace(owners.get(owner), channels=Channels(webhook=HOOK)))
    return box


def admin_listens(desk: World) -> None:
    """Use the same receiver for gpudesk's own channel."""
    store = desk.desk.reconciler.stores.desk
    store.save_settings(replace(store.get_settings(), channels=Channels(webhook=f"{HOOK}/admin")))
