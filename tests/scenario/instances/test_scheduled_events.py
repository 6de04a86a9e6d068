"""Scenario tests of what nobody requested: scheduled AWS events, a silent instance, and a sweep that does not run."""

from datetime import timedelta

from chalicelib.domain.instances.record import Phase
from tests.support.channels import admin_listens, listening
from tests.support.world import World, machine_id


def test_scheduled_retirement_is_notified_once_to_owner_and_admins_and_the_instance_stays_stopped(desk: World) -> None:
    box = listening(desk)
    admin_listens(desk)
    instance = desk.ready()
    desk.cloud.schedule_event(machine_id(instance), "instance-retirement", desk.now + timedelta(minutes=3))
    desk.minute(2)
    assert box.types() == ["scheduled_event", "scheduled_event"]
    (entry,) = [entry for entry in desk.timeline(instance) if entry.code == "scheduled_event"]
    assert "instance-retirement" in entry.message
    assert "Stop it and start it" in entry.message
    desk.until(instance, Phase.STOPPED, minutes=5)
    desk.minute(2)
    assert desk.look(instance).phase is Phase.STOPPED
    assert "stopped_externally" in desk.codes(instance)


def test_region_that_does_not_list_its_events_is_swept_all_the_same(desk: World) -> None:
    instance = desk.warned()
    desk.cloud.faults.inject("DescribeInstanceStatus", "RequestLimitExceeded", times=100)
    desk.minute(5, sweep_every=5)
    desk.until(instance, Phase.STOPPED, minutes=5)


def test_overdue_sweep_is_notified_once_to_the_admins(desk: World) -> None:
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


def test_silent_instance_is_reported_to_owner_and_admins_with_what_to_do(desk: World) -> None:
    box = listening(desk)
    admin_listens(desk)
    instance = desk.ready()
    desk.beat = lambda: None  # type: ignore[method-assign]
    desk.minute(24, sweep_every=8)
    assert box.types() == ["activity_unknown", "activity_unknown"]
    entry = next(entry for entry in desk.timeline(instance) if entry.code == "activity_unknown")
    assert "systemctl status gpudesk-probe" in entry.message
