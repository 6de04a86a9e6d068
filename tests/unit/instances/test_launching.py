"""The launch: a request becomes an EC2 instance, or a failure that says what to do."""

from chalicelib.domain.common.errors import InsufficientCapacity, PermanentAwsError, QuotaExceeded, TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.plan import Launch, LaunchResolved, Outcome, ResolveLaunch, Step
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA
from tests.unit.instances.simulated_aws import ZONES, SimulatedAws
from tests.unit.instances.simulation import Simulation, build_requested_instance, get_time

NO_CAPACITY = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")


def launching(faults: dict[type[Step], Outcome] | None = None) -> Simulation:
    """Return an instance that is requested and not launched."""
    return Simulation(build_requested_instance(), aws=SimulatedAws(state=None, faults=faults or {}))


def test_request_becomes_a_ready_instance() -> None:
    simulation = launching()
    assert simulation.run_until(Phase.READY, 0, 10) == 3
    assert [result.name for result in simulation.instance.setup.results] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert simulation.timeline[-1].code is EventCode.READY


def test_every_zone_is_tried_before_a_wait() -> None:
    simulation = launching({Launch: NO_CAPACITY})
    simulation.run_minutes(0, 1)
    assert [step.attempt.zone for step in simulation.steps if isinstance(step, Launch)] == list(ZONES)
    assert (
        simulation.count_entries(EventCode.ZONE_NO_CAPACITY),
        simulation.count_entries(EventCode.NO_CAPACITY_YET),
    ) == (2, 1)


def test_launch_without_capacity_fails_and_its_record_is_closed_after_an_hour() -> None:
    simulation = launching({Launch: NO_CAPACITY})
    failed = simulation.run_until(Phase.FAILED, 0, 20)
    assert failed == 16
    assert "Launch another type" in simulation.instance.reason.message
    assert simulation.run_until(Phase.TERMINATED, failed, failed + 70) == failed + 61


def test_launch_without_a_response_fails_after_the_deadline() -> None:
    simulation = launching({ResolveLaunch: TransientAwsError("InternalError", "Try again.")})
    assert simulation.run_until(Phase.FAILED, 0, 20) == 16
    assert [entry.code for entry in simulation.timeline] == [EventCode.NO_CAPACITY]


def test_sent_request_is_abandoned_only_when_its_instance_would_be_visible() -> None:
    simulation = launching({Launch: TransientAwsError("RequestTimeout", "No response.")})
    assert simulation.run_until(Phase.FAILED, 0, 30) == 26
    assert simulation.instance.reason.code is EventCode.NO_ANSWER


def test_late_refusal_of_an_earlier_attempt_changes_nothing() -> None:
    simulation = launching({Launch: NO_CAPACITY})
    simulation.run_minutes(0, 1)
    first, second = (step for step in simulation.steps if isinstance(step, Launch))
    launch = simulation.instance.launch
    waiting = outcomes.record_outcome(
        simulation.instance, ResolveLaunch(()), LaunchResolved(second.attempt), get_time(2)
    ).instance
    assert waiting.launch != launch
    for refusal in (NO_CAPACITY, QuotaExceeded("VcpuLimitExceeded", "Late."), PermanentAwsError("Blocked", "Late.")):
        assert outcomes.record_outcome(waiting, first, refusal, get_time(2)).instance == waiting
        assert outcomes.record_outcome(waiting, second, refusal, get_time(2)).instance != waiting
    again = outcomes.record_outcome(waiting, ResolveLaunch(()), LaunchResolved(first.attempt), get_time(2))
    assert again.instance == waiting


def test_cancelled_request_that_was_not_sent_is_closed_at_once() -> None:
    simulation = launching()
    simulation.apply_change(stop_start.request_termination(simulation.instance, ADA, get_time(0)))
    simulation.decide(1)
    assert (simulation.instance.phase, simulation.count_entries(EventCode.CANCELLED), simulation.steps) == (
        Phase.TERMINATED,
        1,
        [],
    )
