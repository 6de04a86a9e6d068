"""Notifications: their audience and channels, the attempts to deliver them, and their expiry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.common.deadlines import NOTIFICATION_EXPIRY, WARNING_DELIVERY_WAIT
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Software, Spec
from chalicelib.domain.instances.warning import StopWarning, WarningDelivery, WarningType
from chalicelib.domain.notifications import messages
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.desk_notifications import build_desk_notification
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState, Notification, record_attempt
from chalicelib.domain.setup.state import SetupState

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = Channels(email="ada@example.org", webhook="https://example.org/ada")
DESK = Channels(webhook="https://example.org/admins")
DIRECTORY = ChannelDirectory(owners={"ada": ADA}, admin=DESK)
RESULT_CODES = (
    *("launch_refused", "quota_exceeded", "no_capacity", "no_answer", "start_failed"),
    *("image_available", "image_failed", "benchmark_done", "benchmark_failed"),
)
WARNING = StopWarning(
    warning_type=WarningType.IDLE,
    created_at=NOW,
    stop_at=NOW + 10 * MINUTE,
    message="it is idle",
    requires_delivery=True,
)


def build_instance(owner: str = "ada", warning: StopWarning | None = None) -> Instance:
    return Instance(
        id="gd-1",
        name="brave-otter",
        owner=owner,
        created_by=owner,
        created_at=NOW,
        spec=Spec(
            desired=DesiredState.RUNNING,
            region="r",
            disk_gib=8,
            hardware=Hardware(instance_type="t"),
            software=Software(recipe="bare"),
        ),
        phase=Phase.READY,
        phase_since=NOW,
        reason=EventReason(code=EventCode.READY, message="ready"),
        setup=SetupState(recipe="bare"),
        warning=warning,
    )


def build_entry(code: str, **details: str) -> TimelineEntry:
    return TimelineEntry(at=NOW, actor="gpudesk", code=EventCode(code), message="This happened.", details=details)


def build_for_code(
    code: str, owner: str = "ada", directory: ChannelDirectory = DIRECTORY, **details: str
) -> tuple[Notification, ...]:
    return build_notifications(build_instance(owner), [build_entry(code, **details)], directory)


@pytest.mark.parametrize(
    ("code", "channels"),
    [
        ("idle_warning", ["owner.email", "owner.webhook"]),
        ("activity_unknown", ["owner.email", "owner.webhook", "admin.webhook"]),
        ("adopted", ["admin.webhook"]),
        *((code, ["owner.email", "owner.webhook"]) for code in RESULT_CODES),
    ],
)
def test_notification_is_delivered_to_its_audience(code: str, channels: list[str]) -> None:
    (notification,) = build_for_code(code)
    assert list(notification.deliveries) == channels


@pytest.mark.parametrize(
    "code", ["launched", "first_heartbeat", "keep_granted", "document_started", "warning_delivered"]
)
def test_code_without_an_audience_has_no_notification(code: str) -> None:
    assert build_for_code(code) == ()


def test_requested_stop_has_no_notification_and_idle_stop_has_one() -> None:
    assert build_for_code("stop_initiated", reason_code="stop_requested") == ()
    assert len(build_for_code("stop_initiated", reason_code="idle")) == 1


def test_owner_without_channels_is_notified_through_the_channels_of_the_admins() -> None:
    assert list(build_for_code("idle_warning", owner="bob")[0].deliveries) == ["owner.webhook"]
    assert build_for_code("idle_warning", owner="bob", directory=ChannelDirectory(owners={"ada": ADA})) == ()


def test_address_of_owner_and_admin_gets_one_delivery() -> None:
    shared = ChannelDirectory(owners={"ada": DESK}, admin=DESK)
    assert list(build_for_code("activity_unknown", directory=shared)[0].deliveries) == ["owner.webhook"]


def test_warning_notification_expires_when_the_stop_no_longer_waits() -> None:
    (notification,) = build_notifications(build_instance(warning=WARNING), [build_entry("idle_warning")], DIRECTORY)
    assert notification.warning_id == WARNING.id
    assert notification.expires_at == WARNING.stop_at + WARNING_DELIVERY_WAIT


def test_texts_of_a_notification_hold_nothing_that_a_terminal_obeys() -> None:
    adopted = replace(build_instance(), name="evil\x1b[2J\r\nbox")
    entry = replace(build_entry("adopted"), message="It is\x07 \u202ehere.")
    (notification,) = build_notifications(adopted, [entry], DIRECTORY)
    assert (notification.instance_name, notification.message) == ("evil box", "It is here.")
    detail = "BadStatusLine: \x1b[2Jsecret=hunter2 \n" + "x" * 999
    failed = record_attempt(notification, DeliveryChannel.ADMIN_WEBHOOK, succeeded=False, detail=detail, now=NOW)
    logged = failed.deliveries[DeliveryChannel.ADMIN_WEBHOOK].attempts[0].detail
    assert logged.startswith("BadStatusLine: secret=*** xxx")
    assert len(logged) == 300


@given(st.lists(st.booleans(), max_size=40))
def test_attempts_end_with_the_first_success_or_at_expiry(successes: list[bool]) -> None:
    (notification,) = build_for_code("idle_warning")
    now, channel = NOW, DeliveryChannel.OWNER_WEBHOOK
    for succeeded in successes:
        if channel not in notification.find_due_channels(now):
            break
        before = notification.deliveries[channel]
        notification = record_attempt(notification, channel, succeeded=succeeded, detail="x" * 1000, now=now)
        after = notification.deliveries[channel]
        assert len(after.attempts) == len(before.attempts) + 1
        assert (after.state is DeliveryState.DELIVERED) == succeeded
        assert after.next_attempt_at > now
        now = after.next_attempt_at
    assert all(len(attempt.detail) <= 300 for attempt in notification.deliveries[channel].attempts)
    assert now <= NOW + NOTIFICATION_EXPIRY + timedelta(minutes=30)


def test_failing_channel_does_not_delay_the_other() -> None:
    (notification,) = build_for_code("idle_warning")
    notification = record_attempt(notification, DeliveryChannel.OWNER_EMAIL, succeeded=False, detail="down", now=NOW)
    assert list(notification.find_due_channels(NOW)) == ["owner.webhook"]
    assert notification.due_at == NOW


def test_same_overdue_sweep_is_one_notification() -> None:
    first = build_desk_notification(EventCode.SWEEP_OVERDUE, "x", NOW, NOW + 11 * MINUTE, DIRECTORY)
    again = build_desk_notification(EventCode.SWEEP_OVERDUE, "x", NOW, NOW + 16 * MINUTE, DIRECTORY)
    assert first.id == again.id
    assert [channel.audience for channel in first.deliveries] == [Audience.ADMIN]


@pytest.mark.parametrize("code", [code for code in EventCode if code.audience])
def test_every_subject_is_short_ascii(code: str) -> None:
    notifications = build_notifications(build_instance(warning=WARNING), [build_entry(code)], DIRECTORY)
    subject = messages.format_email_subject(notifications[0])
    assert len(subject) <= 100
    assert subject.isascii()
    assert "\n" not in subject


@pytest.mark.parametrize(
    ("changes", "minutes", "due"),
    [
        pytest.param({"requires_delivery": False}, 9, False, id="never before the announced time"),
        pytest.param({"requires_delivery": False}, 10, True, id="no channel: no delivery to wait for"),
        pytest.param({"requires_delivery": True}, 10, False, id="not delivered: the stop waits"),
        pytest.param({"requires_delivery": True}, 19, False, id="still waits"),
        pytest.param({"requires_delivery": True}, 20, True, id="waits at most the delivery wait"),
        pytest.param(
            {"requires_delivery": True, "deliveries": (WarningDelivery(channel="email", delivered_at=NOW),)},
            10,
            True,
            id="delivered",
        ),
        pytest.param(
            {"requires_delivery": True, "deliveries": (WarningDelivery(channel="email", delivered_at=NOW),)},
            9,
            False,
            id="delivered, not before the announced time",
        ),
    ],
)
def test_stop_is_allowed_after_delivery_or_after_the_delivery_wait(
    changes: dict[str, object], minutes: int, due: bool
) -> None:
    warning = StopWarning(**{**vars(WARNING), "requires_delivery": False, **changes})
    assert warning.can_act(NOW + minutes * MINUTE) is due
