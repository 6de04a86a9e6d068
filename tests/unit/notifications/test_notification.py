"""Who is told of what, by which channel, how often it is tried, and when it is given up."""

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
from chalicelib.domain.notifications.build_notifications import desk_notification, notifications_for
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState, Notification, record_attempt
from chalicelib.domain.setup.state import SetupState

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = Channels(email="ada@example.org", webhook="https://example.org/ada")
DESK = Channels(webhook="https://example.org/admins")
BOOK = ChannelDirectory(owners={"ada": ADA}, admin=DESK)
ENDS = (
    *("launch_refused", "quota_exceeded", "no_capacity", "no_answer", "start_failed"),
    *("image_available", "image_failed", "benchmark_done", "benchmark_failed"),
)
WARNED = StopWarning(
    warning_type=WarningType.IDLE,
    created_at=NOW,
    stop_at=NOW + 10 * MINUTE,
    message="it is idle",
    requires_delivery=True,
)


def instance(owner: str = "ada", warned: StopWarning | None = None) -> Instance:
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
        warning=warned,
    )


def line(code: str, **details: str) -> TimelineEntry:
    return TimelineEntry(at=NOW, actor="gpudesk", code=EventCode(code), message="because of this", details=details)


def told(code: str, owner: str = "ada", directory: ChannelDirectory = BOOK, **details: str) -> tuple[Notification, ...]:
    return notifications_for(instance(owner), [line(code, **details)], directory)


@pytest.mark.parametrize(
    ("code", "channels"),
    [
        ("idle_warning", ["owner.email", "owner.webhook"]),
        ("activity_unknown", ["owner.email", "owner.webhook", "admin.webhook"]),
        ("adopted", ["admin.webhook"]),
        *((code, ["owner.email", "owner.webhook"]) for code in ENDS),
    ],
)
def test_each_kind_of_news_goes_to_those_whom_it_concerns(code: str, channels: list[str]) -> None:
    (notice,) = told(code)
    assert list(notice.deliveries) == channels


@pytest.mark.parametrize(
    "code", ["launched", "first_heartbeat", "keep_granted", "document_started", "warning_delivered"]
)
def test_what_is_no_news_is_told_to_nobody(code: str) -> None:
    assert told(code) == ()


def test_a_stop_that_somebody_asked_for_is_no_news_and_one_for_idleness_is() -> None:
    assert told("stop_initiated", reason_code="stop_requested") == ()
    assert len(told("stop_initiated", reason_code="idle")) == 1


def test_an_owner_without_channels_is_told_by_the_desks_and_by_nobody_where_there_are_none() -> None:
    assert list(told("idle_warning", owner="bob")[0].deliveries) == ["owner.webhook"]
    assert told("idle_warning", owner="bob", directory=ChannelDirectory(owners={"ada": ADA})) == ()


def test_an_address_that_owner_and_admin_share_is_told_once() -> None:
    shared = ChannelDirectory(owners={"ada": DESK}, admin=DESK)
    assert list(told("activity_unknown", directory=shared)[0].deliveries) == ["owner.webhook"]


def test_a_warning_carries_its_id_and_is_of_use_until_the_stop_waits_no_longer() -> None:
    (notice,) = notifications_for(instance(warned=WARNED), [line("idle_warning")], BOOK)
    assert notice.warning_id == WARNED.id
    assert notice.expires_at == WARNED.stop_at + WARNING_DELIVERY_WAIT


@given(st.lists(st.booleans(), max_size=40))
def test_tries_end_with_the_first_success_or_when_it_is_of_no_use_any_more(successes: list[bool]) -> None:
    (notice,) = told("idle_warning")
    now, channel = NOW, DeliveryChannel.OWNER_WEBHOOK
    for succeeded in successes:
        if channel not in notice.due_channels(now):
            break
        before = notice.deliveries[channel]
        notice = record_attempt(notice, channel, succeeded=succeeded, detail="x" * 1000, now=now)
        after = notice.deliveries[channel]
        assert len(after.attempts) == len(before.attempts) + 1
        assert (after.state is DeliveryState.DELIVERED) == succeeded
        assert after.next_attempt_at > now
        now = after.next_attempt_at
    assert all(len(attempt.detail) <= 300 for attempt in notice.deliveries[channel].attempts)
    assert now <= NOW + NOTIFICATION_EXPIRY + timedelta(minutes=30)


def test_one_channel_that_is_down_does_not_hold_up_the_other() -> None:
    (notice,) = told("idle_warning")
    notice = record_attempt(notice, DeliveryChannel.OWNER_EMAIL, succeeded=False, detail="down", now=NOW)
    assert list(notice.due_channels(NOW)) == ["owner.webhook"]
    assert notice.due_at == NOW


def test_the_same_silence_of_the_desk_is_one_notice() -> None:
    first = desk_notification(EventCode.SWEEP_OVERDUE, "x", NOW, NOW + 11 * MINUTE, BOOK)
    again = desk_notification(EventCode.SWEEP_OVERDUE, "x", NOW, NOW + 16 * MINUTE, BOOK)
    assert first.id == again.id
    assert [channel.audience for channel in first.deliveries] == [Audience.ADMIN]


@pytest.mark.parametrize("code", [code for code in EventCode if code.audience])
def test_every_subject_fits_into_a_mail(code: str) -> None:
    notices = notifications_for(instance(warned=WARNED), [line(code)], BOOK)
    subject = messages.email_subject(notices[0])
    assert len(subject) <= 100
    assert subject.isascii()
    assert "\n" not in subject


@pytest.mark.parametrize(
    ("warned", "minutes", "due"),
    [
        pytest.param({"requires_delivery": False}, 9, False, id="never before the announced time"),
        pytest.param({"requires_delivery": False}, 10, True, id="nobody to deliver to: nothing to wait for"),
        pytest.param({"requires_delivery": True}, 10, False, id="reached nobody: it waits"),
        pytest.param({"requires_delivery": True}, 19, False, id="still"),
        pytest.param({"requires_delivery": True}, 20, True, id="but not for ever"),
        pytest.param(
            {"requires_delivery": True, "deliveries": (WarningDelivery(channel="email", delivered_at=NOW),)},
            10,
            True,
            id="deliveries",
        ),
        pytest.param(
            {"requires_delivery": True, "deliveries": (WarningDelivery(channel="email", delivered_at=NOW),)},
            9,
            False,
            id="not early",
        ),
    ],
)
def test_what_was_warned_of_is_done_when_it_has_arrived_or_waited_long_enough(
    warned: dict[str, object], minutes: int, due: bool
) -> None:
    standing = StopWarning(**{**vars(WARNED), "requires_delivery": False, **warned})
    assert standing.can_act(NOW + minutes * MINUTE) is due
