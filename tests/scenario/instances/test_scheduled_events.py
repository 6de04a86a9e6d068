"""Scenario tests of what nobody requested: scheduled AWS events, a silent instance, and a sweep that does not run."""

from datetime import timedelta

from chalicelib.domain.instances.record import Phase
from tests.support.channels import add_admin_webhook, add_webhook
from tests.support.world import World, get_ec2_id


def test_scheduled_retirement_is_notified_once_to_owner_and_admins_and_the_instance_stays_stopped(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    instance = desk.launch_until_ready()
    desk.cloud.schedule_event(get_ec2_id(instance), "instance-retirement", desk.now + timedelta(minutes=3))
    desk.pass_minutes(2)
    assert box.list_types() == ["scheduled_event", "scheduled_event"]
    (entry,) = [entry for entry in desk.list_timeline(instance) if entry.code == "scheduled_event"]
    assert "instance-retirement" in entry.message
    assert "Stop it and start it" in entry.message
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.pass_minutes(2)
    assert desk.load(instance).phase is Phase.STOPPED
    assert "stopped_externally" in desk.list_codes(instance)


def test_region_that_does_not_list_its_events_is_swept_all_the_same(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.cloud.faults.inject("DescribeInstanceStatus", "RequestLimitExceeded", times=100)
    desk.pass_minutes(5, sweep_every=5)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)


def test_overdue_sweep_is_notified_once_to_the_admins(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    desk.pass_minutes()
    assert not desk.application.sweep_watchdog.check()
    desk.clock.advance(timedelta(minutes=11))
    assert desk.application.sweep_watchdog.check()
    desk.clock.advance(timedelta(minutes=5))
    assert desk.application.sweep_watchdog.check()
    assert box.list_types() == ["sweep_overdue"]
    desk.pass_minutes()
    assert not desk.application.sweep_watchdog.check()


def test_silent_instance_is_reported_to_owner_and_admins_with_what_to_do(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    instance = desk.launch_until_ready()
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    desk.pass_minutes(24, sweep_every=8)
    assert box.list_types() == ["activity_unknown", "activity_unknown"]
    entry = next(entry for entry in desk.list_timeline(instance) if entry.code == "activity_unknown")
    assert "systemctl status gpudesk-probe" in entry.message


def test_notifications_that_nobody_delivers_are_delivered_by_the_watchdog(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    desk.clock.advance(timedelta(minutes=1))
    desk.application.sweep.run()
    for _ in range(2):
        desk.clock.advance(timedelta(minutes=6))
        desk.application.sweep.run()
        assert not desk.application.sweep_watchdog.check()
    assert box.list_types() == ["terminated_externally"]
