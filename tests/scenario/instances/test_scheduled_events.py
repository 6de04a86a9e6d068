"""What AWS does of its own accord, and the silence of the desk itself, are seen and told."""

from datetime import timedelta

from chalicelib.domain.instances.record import Phase
from tests.support.channels import add_admin_webhook, add_webhook
from tests.support.world import World, get_ec2_id


def test_a_scheduled_retirement_is_told_once_to_owner_and_admin_with_what_to_do(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    instance = desk.launch_until_ready(idle_minutes=200, max_hours=20)
    desk.cloud.schedule_event(get_ec2_id(instance), "instance-retirement", desk.now + timedelta(hours=1))
    desk.pass_minutes(5)
    assert desk.list_codes(instance).count("scheduled_event") == 1
    assert box.list_types() == ["scheduled_event", "scheduled_event"]
    told = next(line for line in desk.list_timeline(instance) if line.code == "scheduled_event")
    assert "instance-retirement" in told.message
    assert "Stop it and start it" in told.message


def test_a_retirement_that_comes_true_is_seen_and_the_instance_stays_stopped(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=200, max_hours=20)
    desk.cloud.schedule_event(get_ec2_id(instance), "instance-retirement", desk.now + timedelta(minutes=10))
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=20)
    assert "stopped_externally" in desk.list_codes(instance)
    desk.pass_minutes(5)
    assert desk.load(instance).phase is Phase.STOPPED


def test_a_region_that_does_not_tell_its_events_is_no_reason_not_to_sweep(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("DescribeInstanceStatus", "RequestLimitExceeded", times=100)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=50)


def test_a_sweep_that_does_not_come_any_more_is_told_to_the_admins_once(desk: World) -> None:
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


def test_a_silent_machine_is_reported_to_owner_and_admin_with_what_to_do(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    instance = desk.launch_until_ready()
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    desk.pass_minutes(40, sweep_every=5)
    assert box.list_types() == ["activity_unknown", "activity_unknown"]
    told = next(line for line in desk.list_timeline(instance) if line.code == "activity_unknown")
    assert "systemctl status gpudesk-probe" in told.message
