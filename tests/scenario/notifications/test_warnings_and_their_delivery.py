"""Nobody is stopped unwarned: a warning is delivered, tried again, waited for, and withdrawn aloud (invariant 5)."""

import json
from dataclasses import replace
from datetime import timedelta

from chalicelib.aws.clients import Clients
from chalicelib.aws.email import EmailTopic
from chalicelib.control.loop.notifications import ROUND_BUDGET_SECONDS
from chalicelib.domain.common.deadlines import WARNING_DELIVERY_WAIT
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Acknowledgement
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState
from chalicelib.store.notifications import NotificationModel
from chalicelib.store.owners import OwnerModel
from tests.support.channels import add_admin_webhook, add_webhook
from tests.support.world import ADA, MINUTE, World, get_ec2_id


def test_a_warning_says_when_why_what_is_lost_and_how_to_keep(desk: World) -> None:
    box = add_webhook(desk)
    desk.live_counts = {"kernels": 2, "tmux": 1}
    instance = desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]
    message = json.loads(box.messages[0][1])
    sentence = message["data"]["message"]
    assert "quiet for" in sentence
    assert "2 kernels and 1 tmux session" in sentence
    assert f"To keep {instance.name} running, press Keep or run gpudesk-keep 4h on it." in sentence
    assert "gpudesk-keep" in sentence
    assert instance.warning is not None
    assert message["data"]["stop_at"] == f"{instance.warning.stop_at:%Y-%m-%dT%H:%M:%SZ}"
    assert message["data"]["keep"]["path"] == f"/instances/{instance.id}/keep"


def test_a_delivered_warning_is_in_the_record_and_the_stop_comes_in_time(desk: World) -> None:
    add_webhook(desk)
    instance = desk.launch_until_warned()
    standing = instance.warning
    assert standing is not None
    assert [delivery.channel for delivery in standing.deliveries] == ["webhook"]
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    assert "warning_delivered" in desk.list_codes(instance)
    claimed = next(line for line in desk.list_timeline(instance) if line.code == "stop_initiated")
    assert claimed.at - standing.stop_at <= MINUTE
    assert "by webhook" in claimed.message


def test_an_undelivered_warning_is_tried_again_and_the_stop_waits_for_it_but_not_for_ever(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    standing = instance.warning
    assert standing is not None
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=40)
    claimed = next(line for line in desk.list_timeline(instance) if line.code == "stop_initiated")
    assert timedelta(0) <= claimed.at - (standing.stop_at + WARNING_DELIVERY_WAIT) <= MINUTE
    assert "could not be delivered" in claimed.message
    assert box.attempt_count >= 5


def test_a_warning_that_arrives_late_ends_the_wait(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    desk.pass_minutes(7)
    assert desk.load(instance).phase is Phase.READY
    box.is_down = False
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=8)
    assert "idle_warning" in box.list_types()


def test_the_log_tells_each_try(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    desk.pass_minutes(1)
    box.is_down = False
    desk.pass_minutes(2)
    notices = desk.application.sweep.notifications.stores.notifications.list_for_instance(instance.id, limit=10).items
    delivery = notices[0].deliveries[DeliveryChannel.OWNER_WEBHOOK]
    assert delivery.state is DeliveryState.DELIVERED
    assert [attempt.succeeded for attempt in delivery.attempts] == [False, False, True]
    assert "connection refused" in delivery.attempts[0].detail


def test_a_warning_that_no_longer_stands_is_not_delivered_any_more(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    box.is_down = False
    desk.pass_minutes(10)
    assert "idle_warning" not in box.list_types()


def test_activity_after_the_warning_withdraws_it_and_says_so(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    desk.activity["cpu"] = SignalState.ACTIVE
    desk.pass_minutes(2)
    assert desk.load(instance).warning is None
    assert box.list_types() == ["idle_warning", "warning_cancelled"]


def test_a_keep_on_the_api_is_told_by_the_channels_too(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    desk.pass_minutes(2)
    assert box.list_types() == ["idle_warning", "warning_cancelled"]


def test_the_machines_own_terminals_are_a_delivery_if_anybody_sat_there(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    assert instance.warning is not None
    desk.acknowledgement = Acknowledgement(warning_id=instance.warning.id, terminals=0)
    desk.pass_minutes(2)
    standing = desk.load(instance).warning
    assert standing is not None
    assert standing.deliveries == ()
    desk.acknowledgement = Acknowledgement(warning_id=instance.warning.id, terminals=3, jupyter_servers=1)
    desk.pass_minutes(2)
    standing = desk.load(instance).warning
    assert standing is not None
    assert [delivery.channel for delivery in standing.deliveries] == ["terminals", "jupyterlab"]


def test_an_owner_without_a_channel_is_told_by_the_desks(desk: World) -> None:
    box = add_webhook(desk, owner="somebody-else")
    add_admin_webhook(desk)
    instance = desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]
    assert instance.warning is not None
    assert instance.warning.requires_delivery


def test_where_nobody_set_a_channel_the_stop_waits_for_none(desk: World) -> None:
    instance = desk.launch_until_warned()
    standing = instance.warning
    assert standing is not None
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=10)
    claimed = next(line for line in desk.list_timeline(instance) if line.code == "stop_initiated")
    assert claimed.at - standing.stop_at <= MINUTE


def test_a_new_webhook_gets_one_first_message_to_try_its_signature_with(desk: World) -> None:
    box = add_webhook(desk)
    desk.pass_minutes(3)
    assert [json.loads(body)["type"] for _, body in box.welcome_messages] == ["webhook_registered"]


def test_what_an_owner_asked_for_is_no_news(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED)
    desk.pass_minutes(3)
    assert box.messages == []


def test_a_desk_that_dies_between_sending_and_noting_sends_the_same_message_again(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_warned()
    notices = desk.application.sweep.notifications.stores.notifications
    sent = notices.list_for_instance(instance.id, limit=1).items[0]
    unnoted = {name: type(each)(next_attempt_at=each.next_attempt_at) for name, each in sent.deliveries.items()}
    notices.save(type(sent)(**{**vars(sent), "deliveries": unnoted}))
    desk.pass_minutes(2)
    assert len({message_id for message_id, _ in box.messages}) == 1
    assert len(box.messages) == 2, "the receiver can tell by the id that it has it already"


def test_a_receiver_that_keeps_the_owner_waiting_loses_no_other_write(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    box.before_delivery = lambda: desk.application.instances.update_policy(
        ADA, instance.id, PolicyOverride(max_hours=20)
    )
    instance = desk.wait_until(instance, lambda now: now.warning is not None)
    assert instance.spec.policy.max_hours == 20
    assert instance.warning is not None
    assert [delivery.channel for delivery in instance.warning.deliveries] == ["webhook"]


def test_e_mail_is_no_delivery_before_the_address_has_confirmed(desk: World) -> None:
    add_webhook(desk, owner="nobody")
    desk.set_email("ada", "ada@example.org")
    instance = desk.launch_until_warned(idle_minutes=8, warning_minutes=8)
    desk.pass_minutes(2)
    standing = desk.load(instance).warning
    assert standing is not None
    assert standing.deliveries == ()
    desk.confirm_email("ada@example.org")
    desk.pass_minutes(4)
    standing = desk.load(instance).warning
    assert standing is not None
    assert [delivery.channel for delivery in standing.deliveries] == ["email"]
    mails = [
        mail
        for mail in desk.cloud.mailbox.list_mails("ada@example.org")
        if mail.token is None and not mail.subject.endswith("is ready")
    ]
    assert [mail.subject for mail in mails] == [
        f"gpudesk: {instance.name} is idle and will be stopped at {at(standing)}"
    ]
    assert get_ec2_id(instance) or mails[0].text


def at(standing: object) -> str:
    return f"{standing.stop_at:%H:%M} UTC"  # type: ignore[attr-defined]


def test_whoever_gets_a_warning_late_has_time_to_answer_it(desk: World) -> None:
    box = add_webhook(desk)
    box.is_down = True
    instance = desk.launch_until_warned()
    standing = instance.warning
    assert standing is not None
    desk.wait_until(instance, lambda now: desk.now >= standing.stop_at + MINUTE)
    box.is_down = False
    reached = desk.wait_until(instance, lambda now: bool(now.warning and now.warning.deliveries), minutes=3)
    assert reached.warning is not None
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=9)
    claimed = next(line for line in desk.list_timeline(instance) if line.code == "stop_initiated")
    assert claimed.at - reached.warning.deliveries[0].delivered_at >= timedelta(minutes=5)


def test_a_desk_without_a_topic_still_delivers_by_webhook(desk: World) -> None:
    box = add_webhook(desk)
    desk.set_email("bob", "bob@example.org")
    sweep = desk.application.sweep
    notifications = replace(sweep.notifications, email=EmailTopic(Clients(), topic_arn=""))
    desk.application = replace(desk.application, sweep=replace(sweep, notifications=notifications))
    desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]


def test_an_address_that_is_set_again_is_asked_for_its_consent_again(desk: World) -> None:
    requests = desk.application.owners
    for _ in range(2):
        requests.update(ADA, "ada", {"channels": {"email": "ada@example.org"}})
        desk.pass_minutes(2)
    requests.update(ADA, "ada", {"max_hours": 9})
    desk.pass_minutes(2)
    assert desk.cloud.calls["sns:Subscribe"] == 2


def test_a_notice_or_an_owner_that_cannot_be_read_is_only_that_ones_problem(desk: World) -> None:
    box = add_webhook(desk)
    OwnerModel("bob", settings={"owner": "bob", "channels": {"email": 5}}, version=1).save()
    NotificationModel("bad", instance="desk", at="x", pending="pending", due_at=1, notification={"id": 3}).save()
    desk.launch_until_warned()
    assert box.list_types() == ["idle_warning"]


def test_a_round_that_is_over_leaves_the_rest_to_the_next(desk: World) -> None:
    box = add_webhook(desk)
    passing = iter([0.0, *[ROUND_BUDGET_SECONDS] * 3, *[0.0] * 100])
    sweep = desk.application.sweep
    notifications = replace(sweep.notifications, monotonic=lambda: next(passing))
    instance = desk.launch_until_ready(idle_minutes=6, warning_minutes=6)
    desk.application = replace(desk.application, sweep=replace(sweep, notifications=notifications))
    instance = desk.wait_until(instance, lambda now: now.warning is not None)
    assert box.messages == []
    desk.pass_minutes(4)
    assert box.list_types() == ["idle_warning"]
    notice = notifications.stores.notifications.list_for_instance(instance.id, limit=1).items[0]
    assert len(notice.deliveries[DeliveryChannel.OWNER_WEBHOOK].attempts) == 1, "what was not begun is no try"


def test_a_changed_policy_takes_back_a_warning_of_the_old_one(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.application.instances.update_policy(ADA, instance.id, PolicyOverride(idle_minutes=60))
    desk.pass_minutes(8)
    assert desk.load(instance).warning is None
    assert desk.load(instance).phase is Phase.READY


def test_a_lowered_limit_binds_what_lives_already_and_is_told(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=60, max_hours=20)
    desk.set_limits(idle_minutes=45, max_hours=15)
    desk.pass_minutes(2)
    current = desk.load(instance)
    assert (current.spec.policy.idle.idle_minutes, current.spec.policy.max_hours) == (45, 15)
    assert desk.list_codes(instance).count("policy_limited") == 1
