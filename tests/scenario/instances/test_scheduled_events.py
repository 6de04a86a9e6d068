"""What AWS does of its own accord, and the silence of the desk itself, are seen and told."""

from datetime import timedelta

from chalicelib.domain.instances.record import Phase
from tests.support.channels import admin_listens, listening
from tests.support.world import World, machine_id


def test_a_scheduled_retirement_is_told_once_to_owner_and_admin_with_what_to_do(desk: World) -> None:
    box = listening(desk)
    admin_listens(desk)
    instance = desk.ready(idle_minutes=200, max_hours=20)
    desk.cloud.schedule_event(machine_id(instance), "instance-retirement", desk.now + timedelta(hours=1))
    desk.minute(5)
    assert desk.codes(instance).count("scheduled_event") == 1
    assert box.types() == ["scheduled_event", "scheduled_event"]
    told = next(line for line in desk.timeline(instance) if line.code == "scheduled_event")
    assert "instance-retirement" in told.message
    assert "Stop it and start it" in told.message


def test_a_retirement_that_comes_true_is_seen_and_the_instance_stays_stopped(desk: World) -> None:
    instance = desk.ready(idle_minutes=200, max_hours=20)
    desk.cloud.schedule_event(machine_id(instance), "instance-retirement", desk.now + timedelta(minutes=10))
    instance = desk.until(instance, Phase.STOPPED, minutes=20)
    assert "stopped_externally" in desk.codes(instance)
    desk.minute(5)
    assert desk.look(instance).phase is Phase.STOPPED


def test_a_region_that_does_not_tell_its_events_is_no_reason_not_to_sweep(desk: World) -> None:
    instance = desk.ready()
    desk.cloud.faults.inject("DescribeInstanceStatus", "RequestLimitExceeded", times=100)
    desk.until(instance, Phase.STOPPED, minutes=50)


def test_a_sweep_that_does_not_come_any_more_is_told_to_the_admins_once(desk: World) -> None:
    box = listening(desk)
    admin_listens(desk)
    desk.minute()
    assert not desk.desk.sweep_watchdog.check()
    desk.clock.advance(timedelta(minutes=11))
    assert desk.desk.sweep_watchdog.check()
    desk.clock.advance(timedelta(minutes=5))
    assert desk.desk.sweep_watchdog.check()
    assert box.types() == ["sweep_overdue"]
    desk.minute()
    assert not desk.desk.sweep_watchdog.check()


def test_a_silent_machine_is_reported_to_owner_and_admin_with_what_to_do(desk: World) -> None:
    box = listening(desk)
    admin_listens(desk)
    instance = desk.ready()
    desk.beat = lambda: None  # type: ignore[method-assign]
    desk.minute(40, sweep_every=5)
    assert box.types() == ["activity_unknown", "activity_unknown"]
    told = next(line for line in desk.timeline(instance) if line.code == "activity_unknown")
    assert "systemctl status gpudesk-probe" in told.message
