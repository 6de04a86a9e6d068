"""A receiver with many notifications delays no other receiver."""

from dataclasses import replace

from chalicelib.control.loop.deliveries import PendingDelivery, order_fairly
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import DeliveryChannel
from tests.unit.notifications.delivery import DIRECTORY
from tests.unit.notifications.triggers import TRIGGERS


def build_pending(owner: str, number: int, warning_id: str | None = None) -> PendingDelivery:
    instance, entries = TRIGGERS["ready"]()
    notification = build_notifications(instance, entries, DIRECTORY)[0]
    notification = replace(notification, id=f"{owner}-{number}", owner=owner, warning_id=warning_id)
    return PendingDelivery(notification, DeliveryChannel.OWNER_WEBHOOK)


def test_receivers_take_turns_and_stop_warnings_come_first() -> None:
    due = [build_pending("ada", number) for number in range(200)]
    due += [build_pending("bob", 1), build_pending("bob", 2), build_pending("ada", 1000, "idle-1")]
    order = [delivery.notification.id for delivery in order_fairly(due)]
    assert order[:6] == ["ada-1000", "ada-0", "bob-1", "ada-1", "bob-2", "ada-2"]
    assert sorted(order) == sorted(delivery.notification.id for delivery in due)
