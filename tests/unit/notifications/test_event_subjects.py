"""Subjects of mails that depend on the instance, and of mails without an instance."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.domain.common.aws_errors import PrerequisiteMissing
from chalicelib.domain.common.event_codes import Audience
from chalicelib.domain.desk.changes import record_changes
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.notifications.desk_notifications import (
    build_desk_notification,
    build_record_notification,
    build_webhook_welcome,
)
from chalicelib.domain.notifications.messages import format_email_body, format_email_subject
from local.clock import ManualClock
from tests.unit.notifications.delivery import (
    DIRECTORY,
    EMAIL_ADDRESSES,
    WEBHOOK_URLS,
    FakeOutbox,
    build_sender,
    deliver,
    read_deliveries,
)
from tests.unit.notifications.instances import NAME, NOW, build_instance, build_instance_without_agent, observe_boot
from tests.unit.notifications.triggers import TRIGGERS, decide_change, fail_launch


def test_no_agent_warning_of_an_instance_with_a_disk_announces_a_stop() -> None:
    instance, entries = decide_change(
        build_instance_without_agent(observed=ObservedState(boot_id="boot-1", agent_seen=True)), **observe_boot()
    )
    subject, _ = deliver(instance, entries).mails[EMAIL_ADDRESSES[Audience.ADMIN]]
    assert subject == f"gpudesk: {NAME} does not respond to SSM and will be stopped at 10:05 UTC"


def test_launch_without_a_prerequisite_is_rejected_by_gpudesk_not_by_aws() -> None:
    instance, entries = fail_launch(PrerequisiteMissing("gpudesk is not set up in us-east-1"))
    subject, text = deliver(instance, entries).mails[EMAIL_ADDRESSES[Audience.OWNER]]
    assert subject == f"gpudesk: {NAME} could not be launched: gpudesk rejected the request"
    assert f"{NAME} could not be launched. gpudesk is not set up in us-east-1. Nothing was launched." in text


@pytest.mark.parametrize("name", ["x" * 90, "größte-maschine\n"])
def test_subject_is_at_most_100_ascii_characters_and_names_the_event(name: str) -> None:
    instance, entries = TRIGGERS["lifetime_warning"]()
    subject, _ = deliver(replace(instance, name=name), entries).mails[EMAIL_ADDRESSES[Audience.OWNER]]
    assert len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.endswith("reaches its maximum lifetime and will be stopped at 10:05 UTC")


def test_overdue_sweep_is_mailed_to_the_admins_without_a_name() -> None:
    notifications = build_sender(build_instance(), FakeOutbox())
    assert SweepWatchdog(notifications.stores, notifications, ManualClock(NOW)).check()
    found = read_deliveries(notifications)
    assert {address: subject for address, (subject, _) in found.mails.items()} == {
        EMAIL_ADDRESSES[Audience.ADMIN]: "gpudesk: scheduled sweep has not completed for 10 minutes"
    }
    (message,) = found.webhooks.values()
    assert message["type"] == "sweep_overdue"
    assert message["data"]["message"].startswith("The scheduled sweep has not completed since ")


def test_changed_mode_is_mailed_to_the_admins_without_a_name() -> None:
    _, (entry,) = record_changes(DeskSettings(), DeskSettings(mode=Mode.PAUSED), "root", NOW)
    notification = build_desk_notification(entry.code, entry.message, NOW, NOW, DIRECTORY)
    assert format_email_subject(notification) == "gpudesk: an admin changed the mode"
    assert "root changed the mode of gpudesk from enforce to paused." in format_email_body(notification)
    assert {channel.audience for channel in notification.deliveries} == {Audience.ADMIN}


def test_unreadable_record_is_mailed_to_the_admins_once_a_day() -> None:
    now, again, next_day = (
        build_record_notification("gd-1", NAME, "gpudesk cannot read it.", at, DIRECTORY)
        for at in (NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1))
    )
    assert format_email_subject(now) == f"gpudesk: {NAME} has a record that gpudesk cannot read"
    assert {channel.audience for channel in now.deliveries} == {Audience.ADMIN}
    assert now.id == again.id != next_day.id


def test_registered_webhook_gets_a_message_and_no_mail_is_sent() -> None:
    recipients = [DIRECTORY.get_recipient(audience, "ada") for audience in Audience]
    outbox = FakeOutbox(build_webhook_welcome(recipient, NOW) for recipient in recipients)
    notifications = build_sender(build_instance(), outbox)
    notifications.run()
    found = read_deliveries(notifications)
    assert found.mails == {}
    assert {url: message["type"] for url, message in found.webhooks.items()} == dict.fromkeys(
        WEBHOOK_URLS.values(), "webhook_registered"
    )
