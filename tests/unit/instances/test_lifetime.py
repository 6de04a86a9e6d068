"""The maximum lifetime: a warning, then a stop, also of a busy instance. A keep or another policy moves the end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.commands import keep, update_policy
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.support.ready_instance import ADA, EC2_RUNNING
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time


def build_busy_heartbeat(minute: int) -> DecodedHeartbeat:
    return build_heartbeat(minute, active="gpu")


def omit_heartbeat(_: int) -> DecodedHeartbeat:
    return None


@pytest.mark.parametrize(
    "report", [build_busy_heartbeat, omit_heartbeat, build_heartbeat], ids=["busy", "unknown", "idle"]
)
def test_instance_is_stopped_at_the_end_of_its_lifetime(report: Callable[[int], DecodedHeartbeat]) -> None:
    simulation = Simulation(build_instance(max_hours=1))
    simulation.run_minutes(50, 62, report)
    assert simulation.instance.phase is Phase.STOPPING
    assert {type(step) for step in simulation.steps} == {Stop}


def test_busy_instance_is_warned_before_the_end_and_runs_until_it() -> None:
    simulation = Simulation(build_instance(max_hours=1))
    simulation.run_minutes(50, 54, build_busy_heartbeat)
    assert simulation.instance.warning is None
    simulation.decide(55, build_busy_heartbeat(55))
    warning = simulation.instance.warning
    assert warning is not None
    assert (warning.warning_type, warning.stop_at) == (WarningType.LIFETIME, get_time(60))
    assert warning.message.startswith("n reaches its maximum lifetime of 1 hour at 10:00 UTC.")
    simulation.run_minutes(56, 59, build_busy_heartbeat)
    assert simulation.instance.phase is Phase.READY
    simulation.decide(60, build_busy_heartbeat(60))
    assert simulation.instance.phase is Phase.STOPPING
    assert simulation.instance.claim is not None
    assert simulation.instance.claim.reason.code is EventCode.LIFETIME_OVER


def test_warnings_say_what_is_known_of_the_next_start() -> None:
    observed = Observation(ec2=EC2_RUNNING, start_outlook="EC2 refused it.")
    for max_hours, minute, warning_type in ((1, 55, WarningType.LIFETIME), (72, 25, WarningType.IDLE)):
        simulation = Simulation(build_instance(max_hours), observed=observed)
        simulation.decide(minute, build_heartbeat(minute))
        warning = simulation.instance.warning
        assert warning is not None
        assert warning.warning_type is warning_type
        assert "The root disk stays. EC2 refused it. To " in warning.message


def test_late_warning_leaves_the_whole_warning_period() -> None:
    simulation = Simulation(build_instance(max_hours=1))
    simulation.decide(59, build_busy_heartbeat(59))
    assert simulation.instance.warning is not None
    assert simulation.instance.warning.stop_at == get_time(64)


def test_keep_moves_the_end_and_cancels_the_warning() -> None:
    simulation = Simulation(build_instance(max_hours=1))
    simulation.run_minutes(54, 56, build_busy_heartbeat)
    change = keep.request_keep(simulation.instance, get_time(90), ADA, Limits(), get_time(56))
    assert [entry.code for entry in change.entries] == [EventCode.KEEP_GRANTED, EventCode.WARNING_CANCELLED]
    simulation.instance = change.instance
    simulation.run_minutes(57, 84, build_busy_heartbeat)
    assert (simulation.instance.warning, simulation.steps) == (None, [])
    simulation.run_minutes(85, 91, build_busy_heartbeat)
    assert simulation.instance.phase is Phase.STOPPING


def test_longer_policy_cancels_the_warning() -> None:
    simulation = Simulation(build_instance(max_hours=1))
    simulation.run_minutes(54, 56, build_busy_heartbeat)
    request = PolicyOverride(max_hours=2)
    simulation.instance = update_policy.update_policy(
        simulation.instance, request, ADA, Limits(), get_time(56)
    ).instance
    simulation.decide(57, build_busy_heartbeat(57))
    assert simulation.instance.warning is None
    assert simulation.count_entries(EventCode.WARNING_CANCELLED) == 1


def test_limit_of_an_admin_shortens_the_lifetime_and_the_stop_is_announced() -> None:
    simulation = Simulation(build_instance(max_hours=72), limits=Limits(max_hours=1))
    simulation.decide(1, build_busy_heartbeat(1))
    assert simulation.instance.spec.policy.max_hours == 1
    assert simulation.count_entries(EventCode.POLICY_LIMITED) == 1
    simulation.run_minutes(2, 60, build_busy_heartbeat)
    assert simulation.count_entries(EventCode.LIFETIME_WARNING) == 1
    assert simulation.instance.phase is Phase.STOPPING


def test_policy_within_the_limits_is_unchanged() -> None:
    simulation = Simulation(build_instance(max_hours=2), limits=Limits(max_hours=2))
    simulation.decide(1, build_busy_heartbeat(1))
    assert (simulation.instance.spec.policy.max_hours, simulation.timeline) == (2, [])


def test_lifetime_of_a_stopped_instance_has_no_end() -> None:
    stopped = replace(build_instance(max_hours=1), lifetime=replace(build_instance().lifetime, started_at=None))
    assert (stopped.lifetime_ends_at, stopped.lifetime_warning_due_at) == (None, None)
