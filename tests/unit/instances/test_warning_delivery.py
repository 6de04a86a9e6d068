"""A stop waits for the delivery of its warning, but not without end; what changes the reason cancels the warning."""

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.commands import update_policy
from chalicelib.domain.instances.record import Phase
from tests.property.world import ADA, REACHABLE
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready, with_idle_policy


def warned(directory: ChannelDirectory) -> Simulation:
    """Return an instance that was warned in minute 10 and will be stopped in minute 15."""
    desk = Simulation(directory=directory)
    desk.live(1, 10, heartbeat)
    assert desk.instance.warning is not None
    return desk


def claimed_at(desk: Simulation) -> int:
    """Return the minute of the stop."""
    return desk.live_until(Phase.STOPPING, 11, 60, heartbeat)


def test_delivered_warning_is_followed_by_the_stop_at_the_announced_time() -> None:
    desk = warned(REACHABLE)
    desk.deliver_warning(10)
    assert claimed_at(desk) == 15
    assert "Warned at 09:10 UTC by webhook." in desk.messages(EventCode.STOP_INITIATED)[0]


def test_stop_waits_for_an_undelivered_warning_but_not_without_end() -> None:
    desk = warned(REACHABLE)
    assert claimed_at(desk) == 25
    assert "could not be delivered" in desk.messages(EventCode.STOP_INITIATED)[0]


@pytest.mark.parametrize(("delivered", "stopped"), [(12, 17), (17, 22), (23, 25)])
def test_late_delivery_leaves_time_to_respond(delivered: int, stopped: int) -> None:
    desk = warned(REACHABLE)
    desk.live(11, delivered, heartbeat)
    desk.deliver_warning(delivered)
    assert desk.live_until(Phase.STOPPING, delivered + 1, 60, heartbeat) == stopped


def test_stop_waits_for_no_delivery_if_nobody_has_a_channel() -> None:
    desk = warned(ChannelDirectory())
    assert claimed_at(desk) == 15
    assert "Nobody could be warned" in desk.messages(EventCode.STOP_INITIATED)[0]


def test_channel_of_the_admins_is_waited_for_if_the_owner_has_none() -> None:
    desk = warned(ChannelDirectory(admin=Channels(webhook="https://hooks.example.org/gpu")))
    assert claimed_at(desk) == 25


def test_changed_idle_policy_cancels_its_warning() -> None:
    desk = warned(REACHABLE)
    desk.apply(update_policy.update_policy(desk.instance, PolicyOverride(idle_minutes=60), ADA, Limits(), at(11)))
    assert (desk.instance.warning, desk.count(EventCode.WARNING_CANCELLED)) == (None, 1)
    desk.live(12, 59, heartbeat)
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)


def test_lowered_limit_reduces_the_policy_of_a_running_instance_once() -> None:
    desk = Simulation(with_idle_policy(ready(max_hours=20), 60, 5), limits=Limits(idle_minutes=45, max_hours=15))
    desk.live(1, 3, heartbeat)
    policy = desk.instance.spec.policy
    assert (policy.idle.idle_minutes, policy.max_hours) == (45, 15)
    assert desk.count(EventCode.POLICY_LIMITED) == 1


def test_activity_after_the_warning_cancels_it_and_is_named() -> None:
    desk = warned(REACHABLE)
    desk.decide(11, heartbeat(11, active="gpu"))
    assert desk.instance.warning is None
    assert "gpu is measured" in desk.messages(EventCode.WARNING_CANCELLED)[0].lower()
