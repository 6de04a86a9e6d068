"""The launch: a request becomes an EC2 instance, or a failure that says what to do."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.control.loop.instance_index import build_instance_index, select_observed
from chalicelib.domain.common.aws_errors import (
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    TransientAwsError,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.launch_tries import TryResult
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, Plan, ResolveLaunch, Step
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA, EC2_RUNNING
from tests.unit.instances.simulated_aws import ADDRESS_PRICE, ZONES, SimulatedAws, build_resolved_launch
from tests.unit.instances.simulation import Simulation, build_context, build_requested_instance, get_time
from tests.unit.launch.failover_examples import build_launch

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
    assert [entry.code for entry in simulation.timeline] == [EventCode.NO_ANSWER]
    assert "The last error of AWS: Try again (InternalError)." in simulation.instance.reason.message


def test_sent_request_is_abandoned_only_when_its_instance_would_be_visible() -> None:
    simulation = launching({Launch: TransientAwsError("RequestTimeout", "No response.")})
    assert simulation.run_until(Phase.FAILED, 0, 30) == 26
    assert simulation.instance.reason.code is EventCode.NO_ANSWER


def test_lack_of_capacity_is_written_once_for_the_same_zones() -> None:
    simulation = launching({Launch: NO_CAPACITY})
    simulation.run_minutes(0, 14)
    assert len([step for step in simulation.steps if isinstance(step, Launch)]) > 2 * len(ZONES)
    written = [entry.code for entry in simulation.timeline]
    one_zone = [EventCode.LAUNCHING, EventCode.ZONE_NO_CAPACITY]
    assert written == [*one_zone, *one_zone, EventCode.NO_CAPACITY_YET]


def test_prerequisite_that_aws_does_not_know_yet_is_waited_for() -> None:
    unknown = AwsNotFound("InvalidParameterValue", "Invalid IAM Instance Profile name")
    simulation = launching({Launch: unknown})
    simulation.run_minutes(0, 4)
    assert (simulation.instance.phase, simulation.instance.reason.code) == (Phase.LAUNCHING, EventCode.RETRYING)
    assert simulation.aws is not None
    simulation.aws.faults.clear()
    assert simulation.run_until(Phase.BOOTING, 5, 5) == 5


def test_prerequisite_that_aws_does_not_know_after_some_minutes_fails_the_launch() -> None:
    simulation = launching({Launch: AwsNotFound("InvalidParameterValue", "Invalid IAM Instance Profile name")})
    assert simulation.run_until(Phase.FAILED, 0, 10) == 6
    assert simulation.instance.reason.code is EventCode.LAUNCH_REFUSED
    assert "Invalid IAM Instance Profile name (InvalidParameterValue)." in simulation.instance.reason.message


ENDED = StateReason(code="Server.InsufficientInstanceCapacity", cause=EndCause.ZONE, message="None is left.")


def test_accepted_launch_that_ends_without_capacity_counts_as_one_refused_zone() -> None:
    simulation = launching()
    simulation.decide(0)
    assert simulation.instance.phase is Phase.BOOTING
    plan = end_launch(simulation, ENDED)
    assert (plan.instance.phase, plan.instance.ec2_instance, plan.requeue) == (Phase.LAUNCHING, None, True)
    assert [(each.offer.zone, each.result) for each in plan.instance.launch.tries] == [(ZONES[0], TryResult.ENDED)]
    assert select_observed(plan.instance, build_instance_index([EC2_RUNNING])) == NotVisible(), (
        "the ended instance is not found again"
    )


def test_launches_that_are_accepted_and_end_again_and_again_fail_after_the_deadline() -> None:
    simulation = launching()
    for minute in range(40):
        simulation.decide(minute)
        if simulation.instance.phase is Phase.FAILED:
            break
        if simulation.instance.phase is Phase.BOOTING:
            simulation.instance = end_launch(simulation, ENDED, minute).instance
            assert simulation.aws is not None
            simulation.aws.state = None
    assert (minute, simulation.instance.reason.code) == (16, EventCode.NO_CAPACITY)


@pytest.mark.parametrize(
    ("cause", "code", "advice"),
    [
        (EndCause.KMS_KEY, EventCode.LAUNCH_REFUSED, "KMS key"),
        (EndCause.QUOTA, EventCode.QUOTA_EXCEEDED, "Service Quotas"),
        (EndCause.SNAPSHOT, EventCode.LAUNCH_REFUSED, "another image"),
        (EndCause.UNKNOWN, EventCode.LAUNCH_REFUSED, "look for the cause"),
    ],
)
def test_accepted_launch_that_ends_fails_and_says_what_to_do(cause: EndCause, code: EventCode, advice: str) -> None:
    simulation = launching()
    simulation.decide(0)
    failed = end_launch(simulation, StateReason(code="Client.Code", cause=cause)).instance
    assert (failed.phase, failed.reason.code, failed.ec2_instance) == (Phase.FAILED, code, None)
    assert "EC2 gives the reason Client.Code." in failed.reason.message
    assert advice in failed.reason.message
    assert failed.billing.meter.accrued == 0
    assert [each.result for each in failed.launch.tries] == [TryResult.ENDED]


def test_quota_that_ends_an_accepted_launch_leaves_its_region_out_if_the_launch_may_leave_it() -> None:
    simulation = launching()
    simulation.decide(0)
    simulation.instance = replace(
        simulation.instance, spec=replace(simulation.instance.spec, launch_choice=build_launch().spec.launch_choice)
    )
    reason = StateReason(code="Client.VolumeLimitExceeded", cause=EndCause.QUOTA)
    plan = end_launch(simulation, reason)
    (tried,) = plan.instance.launch.tries
    assert (plan.reason.code, plan.instance.phase) == (EventCode.OFFER_LEFT_OUT, Phase.LAUNCHING)
    assert (tried.result, tried.code) == (TryResult.QUOTA_EXCEEDED, "VolumeLimitExceeded")


@pytest.mark.parametrize("cause", [EndCause.CALL, EndCause.OTHER_REQUEST])
def test_end_that_somebody_requested_is_no_failed_launch(cause: EndCause) -> None:
    simulation = launching()
    simulation.decide(0)
    ended = end_launch(simulation, StateReason(code="Client.Code", cause=cause)).instance
    assert (ended.phase, ended.reason.code) == (Phase.TERMINATED, EventCode.TERMINATED_EXTERNALLY)


def end_launch(simulation: Simulation, reason: StateReason, minute: float = 1) -> Plan:
    """Decide about an instance that EC2 has terminated with a state reason."""
    ec2_instance = simulation.instance.ec2_instance
    assert ec2_instance is not None
    ended = replace(EC2_RUNNING, state=Ec2State.TERMINATED, zone=ec2_instance.zone, state_reason=reason)
    return decide(simulation.instance, Observation(ec2=ended), get_time(minute), build_context())


def test_late_refusal_of_an_earlier_attempt_changes_nothing() -> None:
    simulation = launching({Launch: NO_CAPACITY})
    simulation.run_minutes(0, 1)
    first, second = (step for step in simulation.steps if isinstance(step, Launch))
    launch = simulation.instance.launch
    waiting = outcomes.record_outcome(
        simulation.instance, ResolveLaunch(()), build_resolved_launch(second.attempt), get_time(2)
    ).instance
    assert waiting.launch != launch
    for refusal in (NO_CAPACITY, QuotaExceeded("VcpuLimitExceeded", "Late."), PermanentAwsError("Blocked", "Late.")):
        assert outcomes.record_outcome(waiting, first, refusal, get_time(2)).instance == waiting
        assert outcomes.record_outcome(waiting, second, refusal, get_time(2)).instance != waiting
    late = build_resolved_launch(first.attempt)
    again = outcomes.record_outcome(waiting, ResolveLaunch(()), late, get_time(2))
    assert again.instance == waiting


@pytest.mark.parametrize("price", [Decimal(0), ADDRESS_PRICE])
def test_address_is_billed_as_the_subnet_of_the_last_attempt_says(price: Decimal) -> None:
    simulation = launching({Launch: NO_CAPACITY})
    simulation.run_minutes(0, 1)
    attempts = [step.attempt for step in simulation.steps if isinstance(step, Launch)]
    instance = simulation.instance
    for attempt, address_price in zip(attempts, (Decimal(0), price), strict=False):
        waiting = replace(instance, launch=replace(instance.launch, attempt=None))
        outcome = build_resolved_launch(attempt, address_price)
        instance = outcomes.record_outcome(waiting, ResolveLaunch(()), outcome, get_time(2)).instance
    assert instance.billing.rates.address == price


def test_cancelled_request_that_was_not_sent_is_closed_at_once() -> None:
    simulation = launching()
    simulation.apply_change(stop_start.request_termination(simulation.instance, ADA, get_time(0)))
    simulation.decide(1)
    assert (simulation.instance.phase, simulation.count_entries(EventCode.CANCELLED), simulation.steps) == (
        Phase.TERMINATED,
        1,
        [],
    )


def test_only_the_decision_that_marks_an_attempt_as_sent_makes_its_first_call() -> None:
    simulation = launching({Launch: TransientAwsError("RequestTimeout", "No response.")})
    simulation.run_minutes(0, 4)
    calls = [step.is_first_call for step in simulation.steps if isinstance(step, Launch)]
    assert len(calls) > 1
    assert calls == [True, *[False] * (len(calls) - 1)]
