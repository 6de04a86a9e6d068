"""A notification that waited for its delivery is sent only while it is true."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState, Notification
from chalicelib.domain.notifications.outdated import find_outdated_reason
from tests.support.ready_instance import build_ready_instance
from tests.unit.notifications import delivery as delivery_support
from tests.unit.notifications.delivery import FakeOutbox, build_sender, read_deliveries
from tests.unit.notifications.test_notification import DIRECTORY, build_entry
from tests.unit.notifications.test_notified_events import EXPECTED
from tests.unit.notifications.triggers import TRIGGERS


def in_phase(phase: Phase) -> Instance:
    return replace(build_ready_instance(), phase=phase)


def notify(code: EventCode) -> Notification:
    (notification,) = build_notifications(build_ready_instance(), [build_entry(code)], DIRECTORY)
    return notification


@pytest.mark.parametrize("code", EXPECTED)
def test_notification_is_true_right_after_its_event(code: str) -> None:
    instance, entries = TRIGGERS[code]()
    for notification in build_notifications(instance, entries, delivery_support.DIRECTORY):
        if notification.code == code:
            assert find_outdated_reason(notification, instance) is None


@pytest.mark.parametrize(
    ("code", "phase"),
    [
        (EventCode.READY, Phase.STOPPED),
        (EventCode.READY, Phase.TERMINATED),
        (EventCode.WARNING_CANCELLED, Phase.STOPPED),
        (EventCode.STOP_INITIATED, Phase.READY),
        (EventCode.STOPPED_EXTERNALLY, Phase.BOOTING),
        (EventCode.START_FAILED, Phase.READY),
        (EventCode.STOP_OVERDUE, Phase.STOPPED),
        (EventCode.STOP_REFUSED, Phase.STOPPED),
        (EventCode.TERMINATE_OVERDUE, Phase.TERMINATED),
        (EventCode.TERMINATE_REFUSED, Phase.TERMINATED),
        (EventCode.ACTIVITY_UNKNOWN, Phase.READY),
    ],
)
def test_notification_about_a_former_state_is_outdated(code: EventCode, phase: Phase) -> None:
    assert find_outdated_reason(notify(code), in_phase(phase))


@pytest.mark.parametrize("code", [EventCode.SELF_STOPPED, EventCode.BENCHMARK_DONE, EventCode.IMAGE_AVAILABLE])
def test_notification_about_an_event_stays_true(code: EventCode) -> None:
    assert find_outdated_reason(notify(code), in_phase(Phase.TERMINATED)) is None


def test_outdated_notification_is_not_sent_and_not_attempted_again() -> None:
    instance, entries = TRIGGERS["ready"]()
    outbox = FakeOutbox(build_notifications(instance, entries, delivery_support.DIRECTORY))
    sending = build_sender(replace(instance, phase=Phase.STOPPED), outbox)
    sending.run()
    found = read_deliveries(sending)
    assert (found.mails, found.webhooks) == ({}, {})
    (saved,) = outbox.pending.values()
    delivery = saved.deliveries[DeliveryChannel.OWNER_EMAIL]
    assert delivery.state is DeliveryState.FAILED
    assert [attempt.detail for attempt in delivery.attempts] == [
        "The notification was no longer true: the phase of the instance was stopped."
    ]
