"""A notification that waited for its delivery is sent only while it is true."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState, Notification
from chalicelib.domain.notifications.outdated import find_outdated_reason
from tests.property.world import build_ready_instance
from tests.unit.notifications.test_notification import DIRECTORY, entry
from tests.unit.notifications.test_notified_events import BOOK, EXPECTED, HAPPENS, Marks, Outbox, arrived, sender


def in_phase(phase: Phase) -> Instance:
    return replace(build_ready_instance(), phase=phase)


def notify(code: EventCode) -> Notification:
    (notification,) = build_notifications(build_ready_instance(), [entry(code)], DIRECTORY)
    return notification


@pytest.mark.parametrize("code", EXPECTED)
def test_notification_is_true_right_after_its_event(code: str) -> None:
    instance, entries = HAPPENS[code]()
    for notification in build_notifications(instance, entries, BOOK):
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
    instance, entries = HAPPENS["ready"]()
    outbox = Outbox(build_notifications(instance, entries, BOOK))
    sending = sender(replace(instance, phase=Phase.STOPPED), outbox, Marks())
    sending.send_due(BOOK)
    found = arrived(sending)
    assert (found.mails, found.hooks) == ({}, {})
    (saved,) = outbox.waiting.values()
    delivery = saved.deliveries[DeliveryChannel.OWNER_EMAIL]
    assert delivery.state is DeliveryState.FAILED
    assert [attempt.detail for attempt in delivery.attempts] == [
        "The notification was no longer true: the phase of the instance was stopped."
    ]
