"""A start without capacity waits, says for what, and can change its size meanwhile."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.deadlines import CAPACITY_RETRY, LONGEST_CAPACITY_RETRY, MAX_CAPACITY_WAIT
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.capacity_wait import check_wait_until
from chalicelib.domain.instances.commands.start_options import StartOptions
from chalicelib.domain.instances.commands.stop_start import build_request_reason, request_start, request_stop
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.lifecycle.start_wait import compute_pause
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import ChangeType, Start
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import (
    OtherSize,
    StartState,
    StartWithoutCapacity,
    describe_capacity_advice,
)
from tests.support.ready_instance import ADA, EC2_RUNNING
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, get_time

LARGER = OtherSize(instance_type="g4dn.2xlarge", price=Decimal("0.752"), price_ratio=Decimal("1.43"))
REFUSAL = StartWithoutCapacity("InsufficientInstanceCapacity", "None is left.", (LARGER,))


def stop_and_start(aws: SimulatedAws, options: StartOptions) -> Simulation:
    """Return an instance that was stopped in minute 1 and whose start is requested in minute 2."""
    simulation = Simulation(aws=aws)
    simulation.apply_change(request_stop(simulation.instance, ADA, get_time(0)))
    simulation.run_until(Phase.STOPPED, 0, 1)
    simulation.apply_change(request_start(simulation.instance, ADA, get_time(2), options))
    return simulation


def wait_for_capacity(options: StartOptions) -> tuple[SimulatedAws, Simulation]:
    """Return an instance whose start EC2 has refused in minute 2."""
    aws = SimulatedAws(faults={Start: REFUSAL})
    simulation = stop_and_start(aws, options)
    simulation.decide(2)
    return aws, simulation


def test_first_refusal_is_notified_with_the_choices_and_the_next_ones_are_not() -> None:
    _, simulation = wait_for_capacity(StartOptions(wait_until=get_time(600)))
    simulation.run_minutes(3, 10)
    (message,) = simulation.list_messages(EventCode.START_WAITING)
    for choice in ("us-east-1a", "wait_until", "g4dn.2xlarge ($0.752 per hour, 1.43 times the price)", "move it"):
        assert choice in message
    assert "move" not in describe_capacity_advice(simulation.instance.start, can_move=False)
    assert simulation.instance.reason.message == message
    assert simulation.count_entries(EventCode.START_RETRIED) == 0
    assert simulation.instance.start.refusal_count == 5
    assert simulation.instance.start.retry_at == get_time(12)


def test_start_waits_until_the_requested_time_and_then_says_the_choices() -> None:
    _, simulation = wait_for_capacity(StartOptions(wait_until=get_time(120)))
    assert simulation.run_until(Phase.STOPPED, 3, 130) == 121
    assert simulation.instance.spec.desired is DesiredState.STOPPED
    (message,) = simulation.list_messages(EventCode.START_FAILED)
    assert "by 2026-" in message
    assert "g4dn.2xlarge" in message
    assert simulation.instance.start == StartState()
    assert len([step for step in simulation.steps if isinstance(step, Start)]) < 30


def test_answer_to_a_changed_start_says_that_it_waits() -> None:
    _, simulation = wait_for_capacity(StartOptions(wait_until=get_time(600)))
    change = request_start(simulation.instance, ADA, get_time(3), StartOptions(wait_until=get_time(700)))
    assert build_request_reason(change.instance).message == "n waits for capacity."


def test_capacity_that_comes_back_is_notified_once() -> None:
    aws, simulation = wait_for_capacity(StartOptions(wait_until=get_time(600)))
    simulation.run_minutes(3, 30)
    del aws.faults[Start]
    simulation.run_until(Phase.READY, 31, 40)
    assert simulation.count_entries(EventCode.START_CAPACITY_FOUND) == 1
    assert simulation.instance.start == StartState()


def test_lifetime_begins_when_the_instance_runs_and_not_while_it_waits() -> None:
    aws, simulation = wait_for_capacity(StartOptions(wait_until=get_time(6000)))
    simulation.run_minutes(3, 10)
    assert simulation.instance.lifetime_ends_at is None
    del aws.faults[Start]
    simulation.run_until(Phase.READY, 5000, 5020)
    assert simulation.instance.lifetime.started_at == aws.launched_at
    assert "It was started in 0 s" in simulation.list_messages(EventCode.READY)[-1]


@pytest.mark.parametrize("is_seen_pending", [True, False])
def test_accepted_start_that_ends_without_capacity_waits_too(is_seen_pending: bool) -> None:
    simulation = stop_and_start(SimulatedAws(), StartOptions(wait_until=get_time(600)))
    reason = StateReason(code="Server.InsufficientInstanceCapacity", cause=EndCause.ZONE)
    ended = replace(EC2_RUNNING, state=Ec2State.STOPPED, state_reason=reason)
    simulation.aws, simulation.observed = None, Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED))
    simulation.decide(2)
    if is_seen_pending:
        simulation.observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.PENDING, launched_at=get_time(2)))
        simulation.decide(3)
        assert simulation.instance.claim is None
    simulation.observed = Observation(ec2=ended)
    simulation.run_minutes(4, 5)
    assert (simulation.instance.phase, simulation.instance.start.refusal_count) == (Phase.BOOTING, 1)
    assert simulation.count_entries(EventCode.START_WAITING) == 1
    simulation.run_minutes(6, 7)
    assert simulation.steps[-1] == Start()
    assert simulation.instance.start.refusal_count == 2


@pytest.mark.parametrize("minutes", [0, 5, 20, 60, 100, 6000])
def test_pause_grows_with_the_wait_within_its_bounds(minutes: int) -> None:
    pause = compute_pause(timedelta(minutes=minutes))
    assert CAPACITY_RETRY <= pause <= LONGEST_CAPACITY_RETRY
    assert pause <= compute_pause(timedelta(minutes=minutes + 1))


@pytest.mark.parametrize(("after", "is_accepted"), [(-1, False), (0, False), (1, True), (10080, True), (10081, False)])
def test_wait_is_bounded(after: int, is_accepted: bool) -> None:
    assert timedelta(minutes=10080) == MAX_CAPACITY_WAIT
    assert (check_wait_until(get_time(after), get_time(0)) == []) is is_accepted


def test_type_is_changed_before_the_start_and_its_price_counts() -> None:
    simulation = stop_and_start(SimulatedAws(), StartOptions(instance_type="g4dn.2xlarge"))
    simulation.run_until(Phase.READY, 2, 8)
    assert simulation.steps[1:] == [ChangeType("g4dn.2xlarge"), Start()]
    assert simulation.instance.spec.hardware.instance_type == "g4dn.2xlarge"
    assert simulation.instance.billing.rates.instance == Decimal("0.752")
    codes = [entry.code for entry in simulation.timeline]
    assert (codes.count(EventCode.RESIZED), codes.count(EventCode.TYPE_CHANGED)) == (1, 0)


def test_waiting_start_changes_its_size_at_once_when_that_is_requested() -> None:
    aws, simulation = wait_for_capacity(StartOptions())
    simulation.decide(3)
    del aws.faults[Start]
    larger = StartOptions(instance_type="g4dn.2xlarge")
    simulation.apply_change(request_start(simulation.instance, ADA, get_time(3), larger))
    simulation.decide(3)
    assert simulation.steps[-2:] == [ChangeType("g4dn.2xlarge"), Start()]


def test_change_of_the_type_is_called_again_while_ec2_shows_the_former_one() -> None:
    simulation = stop_and_start(SimulatedAws(), StartOptions(instance_type="g4dn.2xlarge"))
    assert simulation.aws is not None
    observed = simulation.aws.observe(get_time(2))
    simulation.aws = None
    simulation.observed = observed
    simulation.run_minutes(2, 5)
    assert simulation.steps[1:] == [ChangeType("g4dn.2xlarge")] * 2


def test_rejected_type_leaves_the_instance_stopped_with_its_type() -> None:
    aws = SimulatedAws(faults={ChangeType: PermanentAwsError("InvalidInstanceAttributeValue", "Not this one.")})
    simulation = stop_and_start(aws, StartOptions(instance_type="g4dn.2xlarge"))
    simulation.run_minutes(2, 4)
    assert simulation.instance.phase is Phase.STOPPED
    assert simulation.instance.start == StartState()
    (message,) = simulation.list_messages(EventCode.START_FAILED)
    assert "rejected the change of its type to g4dn.2xlarge" in message
    assert simulation.instance.spec.hardware.instance_type == "g4dn.xlarge"


def test_running_instance_cannot_get_another_type() -> None:
    with pytest.raises(Conflict, match=r"Stop it, then start it as g4dn\.2xlarge"):
        request_start(Simulation().instance, ADA, get_time(0), StartOptions(instance_type="g4dn.2xlarge"))


def test_same_options_again_change_nothing_of_a_running_instance() -> None:
    instance = Simulation().instance
    options = StartOptions(instance_type=instance.spec.hardware.instance_type, wait_until=get_time(60))
    assert request_start(instance, ADA, get_time(0), options).entries == ()


def test_start_that_the_zone_does_not_offer_does_not_wait() -> None:
    refusal = StartWithoutCapacity("Unsupported", "The type is not supported in us-east-1a.", ())
    simulation = stop_and_start(SimulatedAws(faults={Start: refusal}), StartOptions(wait_until=get_time(600)))
    simulation.decide(2)
    assert (simulation.instance.phase, simulation.count_entries(EventCode.START_WAITING)) == (Phase.STOPPED, 0)
    assert "not supported in us-east-1a" in simulation.list_messages(EventCode.START_FAILED)[0]


def test_stop_of_a_waiting_start_forgets_what_it_waited_for() -> None:
    _, simulation = wait_for_capacity(StartOptions(wait_until=get_time(600)))
    simulation.apply_change(request_stop(simulation.instance, ADA, get_time(3)))
    simulation.run_until(Phase.STOPPED, 3, 5)
    assert simulation.instance.start == replace(StartState())
