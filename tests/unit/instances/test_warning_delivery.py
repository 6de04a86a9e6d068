"""A stop waits for the delivery of its warning, but not without end; what changes the reason cancels the warning."""

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.commands import update_policy
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time, with_idle_policy

REACHABLE = ChannelDirectory(owners={"ada": Channels(email="ada@example.org")})


def warned(directory: ChannelDirectory) -> Simulation:
    """Return an instance that was warned in minute 10 and will be stopped in minute 15."""
    simulation = Simulation(directory=directory)
    simulation.run_minutes(1, 10, build_heartbeat)
    assert simulation.instance.warning is not None
    return simulation


def claimed_at(simulation: Simulation) -> int:
    """Return the minute of the stop."""
    return simulation.run_until(Phase.STOPPING, 11, 60, build_heartbeat)


def test_delivered_warning_is_followed_by_the_stop_at_the_announced_time() -> None:
    simulation = warned(REACHABLE)
    simulation.deliver_warning(10)
    assert claimed_at(simulation) == 15
    assert "Warned at 09:10 UTC by webhook." in simulation.list_messages(EventCode.STOP_INITIATED)[0]


def test_stop_waits_for_an_undelivered_warning_but_not_without_end() -> None:
    simulation = warned(REACHABLE)
    assert claimed_at(simulation) == 25
    assert "could not be delivered" in simulation.list_messages(EventCode.STOP_INITIATED)[0]


@pytest.mark.parametrize(("delivered", "stopped"), [(12, 17), (17, 22), (23, 25)])
def test_late_delivery_leaves_time_to_respond(delivered: int, stopped: int) -> None:
    simulation = warned(REACHABLE)
    simulation.run_minutes(11, delivered, build_heartbeat)
    simulation.deliver_warning(delivered)
    assert simulation.run_until(Phase.STOPPING, delivered + 1, 60, build_heartbeat) == stopped


def test_stop_waits_for_no_delivery_if_nobody_has_a_channel() -> None:
    simulation = warned(ChannelDirectory())
    assert claimed_at(simulation) == 15
    assert "Nobody could be warned" in simulation.list_messages(EventCode.STOP_INITIATED)[0]


def test_channel_of_the_admins_is_waited_for_if_the_owner_has_none() -> None:
    simulation = warned(ChannelDirectory(admin=Channels(webhook="https://hooks.example.org/gpu")))
    assert claimed_at(simulation) == 25


def test_changed_idle_policy_cancels_its_warning() -> None:
    simulation = warned(REACHABLE)
    request = PolicyOverride(idle_minutes=60)
    simulation.apply_change(update_policy.update_policy(simulation.instance, request, ADA, Limits(), get_time(11)))
    assert (simulation.instance.warning, simulation.count_entries(EventCode.WARNING_CANCELLED)) == (None, 1)
    simulation.run_minutes(12, 59, build_heartbeat)
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)


def test_lowered_limit_reduces_the_policy_of_a_running_instance_once() -> None:
    simulation = Simulation(
        with_idle_policy(build_instance(max_hours=20), 60, 5), limits=Limits(idle_minutes=45, max_hours=15)
    )
    simulation.run_minutes(1, 3, build_heartbeat)
    policy = simulation.instance.spec.policy
    assert (policy.idle.idle_minutes, policy.max_hours) == (45, 15)
    assert simulation.count_entries(EventCode.POLICY_LIMITED) == 1


def test_activity_after_the_warning_cancels_it_and_is_named() -> None:
    simulation = warned(REACHABLE)
    simulation.decide(11, build_heartbeat(11, active="gpu"))
    assert simulation.instance.warning is None
    assert "gpu is measured" in simulation.list_messages(EventCode.WARNING_CANCELLED)[0].lower()
