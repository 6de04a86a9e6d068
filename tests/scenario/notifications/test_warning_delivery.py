"""Scenario tests of stop warnings and other notifications on their way to a webhook, an e-mail address or the admins.

How long a stop waits for its warning is tested in `tests/unit/instances/test_warning_delivery.py`.
"""

import json
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.email import EmailTopic
from chalicelib.control.loop.function_budget import FUNCTION_SECONDS
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Acknowledgement
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState
from chalicelib.store.notifications import NotificationModel
from chalicelib.store.owners import OwnerModel
from tests.support.channels import WEBHOOK_URL, add_admin_webhook, add_webhook
from tests.support.world import ADA, ADMIN, World, get_ec2_id


def about_to_be_warned(desk: World) -> Instance:
    """Return an instance that will be warned by the next sweep."""
    instance = desk.launch_until_ready(idle_minutes=6, warning_minutes=6)
    desk.pass_minutes(5, sweep_every=5)
    assert desk.load(instance).warning is None
    return instance


def list_delivery_channels(desk: World, instance: Instance) -> list[str]:
    """Return the channels that delivered the present warning."""
    warning = desk.load(instance).warning
    assert warning is not None
    return [delivery.channel for delivery in warning.deliveries]


def test_warning_says_when_why_what_is_lost_and_how_to_keep_the_instance(desk: World) -> None:
    box = add_webhook(desk)
    desk.live_counts = {"kernels": 2, "tmux": 1}
    instance = desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]
    data = json.loads(box.messages[0][1])["data"]
    assert "quiet for" in data["message"]
    assert "2 kernels and 1 tmux session" in data["message"]
    assert f"To keep {instance.name} running, press Keep or run gpudesk-keep 4h on it." in data["message"]
    assert instance.warning is not None
    assert data["stop_at"] == f"{instance.warning.stop_at:%Y-%m-%dT%H:%M:%SZ}"
    assert data["keep"]["path"] == f"/instances/{instance.id}/keep"


def test_delivered_warning_is_recorded(desk: World) -> None:
    add_webhook(desk)
    instance = desk.launch_until_warned()
    assert list_delivery_channels(desk, instance) == ["webhook"]
    assert "warning_delivered" in desk.list_codes(instance)


def test_every_attempt_to_deliver_is_logged(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    desk.pass_minutes(1)
    box.is_down = False
    desk.pass_minutes(2)
    notifications = desk.application.notifications.stores.notifications
    delivery = notifications.list_for_instance(instance.id, limit=10).items[0].deliveries[DeliveryChannel.OWNER_WEBHOOK]
    assert delivery.state is DeliveryState.DELIVERED
    assert [attempt.succeeded for attempt in delivery.attempts] == [False, False, True]
    assert "connection refused" in delivery.attempts[0].detail


def test_cancelled_warning_is_not_delivered(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    box.is_down = False
    desk.pass_minutes(4)
    assert box.list_types() == ["warning_cancelled"]


def test_cancellation_because_of_activity_is_notified(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    desk.activity["cpu"] = SignalState.ACTIVE
    desk.pass_minutes(2)
    assert desk.load(instance).warning is None
    assert box.list_types() == ["idle_warning", "warning_cancelled"]


def test_cancellation_because_of_a_keep_is_notified(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    desk.pass_minutes(2)
    assert box.list_types() == ["idle_warning", "warning_cancelled"]


def test_warning_on_a_terminal_is_delivered_if_the_webhook_is_down(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    assert instance.warning is not None
    desk.acknowledgement = Acknowledgement(warning_id=instance.warning.id, terminals=3, jupyter_servers=1)
    desk.pass_minutes()
    assert list_delivery_channels(desk, instance) == ["terminals", "jupyterlab"]


def test_warning_of_an_owner_without_a_channel_reaches_the_admins(desk: World) -> None:
    box = add_webhook(desk, owner="somebody-else")
    add_admin_webhook(desk)
    instance = desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]
    assert instance.warning is not None
    assert instance.warning.requires_delivery


def test_new_webhook_receives_one_first_message(desk: World) -> None:
    box, hook = add_webhook(desk), {"webhook": WEBHOOK_URL}
    desk.application.owners.update(ADA, "ada", {"channels": hook})
    desk.application.desk.update(ADMIN, channels=hook)
    desk.application.owners.update(ADA, "ada", {"max_hours": 5})
    desk.pass_minutes(2)
    assert [json.loads(body)["type"] for _, body in box.welcome_messages] == ["webhook_registered"] * 2


def test_stop_that_the_owner_requested_is_not_notified(desk: World) -> None:
    box = add_webhook(desk)
    desk.launch_until_stopped()
    desk.pass_minutes()
    assert box.messages == []


def test_crash_after_a_delivery_delivers_the_same_message_again(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    notifications = desk.application.notifications.stores.notifications
    sent = notifications.list_for_instance(instance.id, limit=1).items[0]
    unrecorded = {name: type(each)(next_attempt_at=each.next_attempt_at) for name, each in sent.deliveries.items()}
    notifications.save(type(sent)(**{**vars(sent), "deliveries": unrecorded}))
    desk.pass_minutes(2)
    assert len({message_id for message_id, _ in box.messages}) == 1
    assert len(box.messages) == 2, "the receiver can recognize the second one by its id"


def test_write_during_a_delivery_is_not_lost(desk: World) -> None:
    box = add_webhook(desk)
    instance = about_to_be_warned(desk)
    box.before_delivery = lambda: desk.application.instances.update_policy(
        ADA, instance.id, PolicyOverride(max_hours=20)
    )
    instance = desk.wait_until(instance, lambda now: now.warning is not None)
    assert instance.spec.policy.max_hours == 20
    assert list_delivery_channels(desk, instance) == ["webhook"]


def test_confirmation_that_nobody_follows_expires_and_is_requested_again_when_asked(desk: World) -> None:
    owners, box = desk.application.owners, desk.cloud.mailbox

    def set_address() -> EmailState | None:
        return owners.find_email_state(owners.update(ADA, "ada", {"channels": {"email": "ada@example.org"}}).settings)

    def find_state() -> EmailState | None:
        return owners.find_email_state(owners.get(ADA, "ada"))

    assert set_address() is EmailState.PENDING
    desk.pass_minutes(2)
    assert (find_state(), len(box.list_mails("ada@example.org"))) == (EmailState.PENDING, 1)
    desk.clock.advance(timedelta(days=2, minutes=1))
    desk.pass_minutes()
    assert (find_state(), len(box.list_mails("ada@example.org"))) == (EmailState.EXPIRED, 1)
    assert set_address() is EmailState.PENDING
    desk.pass_minutes()
    assert len(box.list_mails("ada@example.org")) == 2
    desk.confirm_email("ada@example.org")
    desk.pass_minutes()
    assert find_state() is EmailState.CONFIRMED
    calls = desk.cloud.calls.copy()
    desk.pass_minutes()
    sns_calls = {name: count for name, count in desk.cloud.count_calls_since(calls).items() if name.startswith("sns:")}
    assert sns_calls == {"sns:ListSubscriptionsByTopic": 1}


def test_unsubscribed_address_is_shown_and_its_owner_and_the_admins_are_notified(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    owners, sns = desk.application.owners, boto3.client("sns", "us-east-1")
    owners.update(ADA, "ada", {"channels": {"email": "ada@example.org"}})
    desk.pass_minutes()
    desk.confirm_email("ada@example.org")
    desk.pass_minutes()
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=desk.application.settings.email_topic_arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=listed["SubscriptionArn"])
    desk.pass_minutes(3)
    assert owners.find_email_state(owners.get(ADA, "ada")) is EmailState.UNSUBSCRIBED
    assert box.list_types() == ["email_unsubscribed"] * 2, "once to the owner, once to the admins"
    assert json.loads(box.messages[0][1])["data"]["message"].startswith(
        "ada@example.org of ada is no longer subscribed"
    )
    owners.update(ADA, "ada", {"channels": {"email": "ada@example.org"}})
    desk.pass_minutes()
    desk.confirm_email("ada@example.org")
    desk.pass_minutes()
    assert owners.find_email_state(owners.get(ADA, "ada")) is EmailState.CONFIRMED


def test_state_of_an_address_that_cannot_be_stored_does_not_lose_the_others(
    desk: World, caplog: pytest.LogCaptureFixture
) -> None:
    for owner in ("ada", "bob"):
        desk.set_email(owner, f"{owner}@example.org")
    desk.cloud.faults.inject("PutItem", "ProvisionedThroughputExceededException", status=400)
    desk.application.notifications.run()
    stored = desk.application.reconciler.stores.desk.find_email_subscription
    assert [stored(f"{owner}@example.org", 0) is not None for owner in ("ada", "bob")] == [False, True]
    assert "owner/ada" in caplog.text
    assert "ada@example.org" not in caplog.text


def test_warning_by_email_is_delivered_only_after_the_address_is_confirmed(desk: World) -> None:
    add_webhook(desk, owner="nobody")
    desk.set_email("ada", "ada@example.org")
    instance = desk.launch_until_warned()
    desk.pass_minutes()
    assert list_delivery_channels(desk, instance) == []
    desk.confirm_email("ada@example.org")
    desk.pass_minutes(2)
    assert list_delivery_channels(desk, instance) == ["email"]
    (mail,) = [
        mail
        for mail in desk.cloud.mailbox.list_mails("ada@example.org")
        if mail.token is None and not mail.subject.endswith("is ready")
    ]
    assert instance.warning is not None
    assert mail.subject == (
        f"gpudesk: {instance.name} is idle and will be stopped at {instance.warning.stop_at:%H:%M} UTC"
    )
    assert instance.warning.message in mail.text


def test_gpudesk_without_an_email_topic_delivers_by_webhook(desk: World) -> None:
    box = add_webhook(desk)
    about_to_be_warned(desk)
    desk.set_email("bob", "bob@example.org")
    notifications = replace(desk.application.notifications, email=EmailTopic(build_client_sets().loop, topic_arn=""))
    desk.application = replace(desk.application, notifications=notifications)
    desk.pass_minutes()
    assert box.list_types() == ["idle_warning"]


def test_address_that_is_set_again_is_asked_to_confirm_again(desk: World) -> None:
    owners = desk.application.owners
    for _ in range(2):
        owners.update(ADA, "ada", {"channels": {"email": "ada@example.org"}})
        desk.pass_minutes()
    owners.update(ADA, "ada", {"max_hours": 9})
    desk.pass_minutes()
    assert desk.cloud.calls["sns:Subscribe"] == 2


def test_unreadable_notification_or_owner_delays_no_other_delivery(desk: World) -> None:
    box = add_webhook(desk)
    about_to_be_warned(desk)
    OwnerModel("bob", settings='{"owner": "bob", "channels": {"email": 5}}', version=1).save()
    NotificationModel("bad", instance="desk", at="x", pending="pending", due_at=1, notification='{"id": 3}').save()
    desk.pass_minutes()
    assert box.list_types() == ["idle_warning"]


def test_round_of_deliveries_that_is_over_leaves_the_rest_to_the_next(desk: World) -> None:
    box = add_webhook(desk)
    instance = about_to_be_warned(desk)
    passing = iter([0.0, *[FUNCTION_SECONDS] * 3, *[0.0] * 100])
    notifications = replace(desk.application.notifications, monotonic=lambda: next(passing))
    desk.application = replace(desk.application, notifications=notifications)
    desk.pass_minutes()
    assert desk.load(instance).warning is not None
    assert box.messages == []
    desk.pass_minutes(4, sweep_every=2)
    assert box.list_types() == ["idle_warning"]
    notification = notifications.stores.notifications.list_for_instance(instance.id, limit=1).items[0]
    attempts = notification.deliveries[DeliveryChannel.OWNER_WEBHOOK].attempts
    assert len(attempts) == 1, "a delivery that was not begun is no attempt"


def test_result_that_cannot_be_recorded_does_not_lose_the_others(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    instance = desk.launch_until_ready()
    desk.pass_minutes()
    desk.ec2.delete_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage"}])
    for _ in range(3):
        desk.clock.advance(timedelta(minutes=11))
        desk.application.sweep.run()
    desk.cloud.faults.inject("PutItem", "ProvisionedThroughputExceededException", status=400)
    desk.application.notifications.run()
    assert box.list_types() == ["tags_lost", "tags_lost"], "to the owner and to the admins"
    desk.clock.advance(timedelta(minutes=30))
    desk.application.notifications.run()
    assert len(box.messages) == 2, "the second result was recorded, and the first one with it"
