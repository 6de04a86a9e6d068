"""The order of a termination on spot: cancel the request, see it cancelled, terminate."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.aws_errors import AwsError, AwsNotFound, PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.observation import NotVisible, Observation, Unavailable
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.outcome import CallAccepted
from chalicelib.domain.instances.plan import CancelSpotRequest, Plan, ResolveLaunch, Step, Terminate
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import ObservedSpotRequest, SpotRequestKey, SpotRequestState
from tests.support.ready_instance import INSTANCE_ID, MINUTE, START
from tests.unit.instances.simulation import build_context, get_time
from tests.unit.instances.spot_examples import EC2_SPOT, build_request, build_spot_instance, observe

REQUEST = SpotRequestKey(region="us-east-1", instance_id=INSTANCE_ID, request_id="sir-1")
CANCEL = CancelSpotRequest(REQUEST)


def begin_termination() -> Instance:
    """Return the record after the cancellation was accepted."""
    instance = build_spot_instance()
    requested = replace(instance, spec=replace(instance.spec, desired=DesiredState.TERMINATED))
    plan = decide(requested, observe(), START, build_context())
    assert plan.step == CANCEL
    accepted = record_outcome(plan.instance, CANCEL, CallAccepted(), START)
    assert accepted.requeue
    return accepted.instance


def decide_with(instance: Instance, minute: float, request: ObservedSpotRequest | NotVisible | Unavailable) -> Plan:
    return decide(instance, Observation(ec2=EC2_SPOT, spot_request=request), get_time(minute), build_context())


@pytest.mark.parametrize(
    ("minute", "request_seen", "step"),
    [
        (0, build_request(SpotRequestState.CANCELLED), Terminate()),
        (0, build_request(SpotRequestState.CLOSED), Terminate()),
        (0, build_request(SpotRequestState.ACTIVE), None),
        (2, build_request(SpotRequestState.ACTIVE), CANCEL),
        (2, build_request(SpotRequestState.DISABLED), CANCEL),
        (2, NotVisible(), CANCEL),
        (10, NotVisible(), Terminate()),
        (15, Unavailable("no answer"), None),
    ],
)
def test_instance_is_terminated_only_when_its_request_is_over(
    minute: float, request_seen: ObservedSpotRequest | NotVisible | Unavailable, step: Step | None
) -> None:
    assert decide_with(begin_termination(), minute, request_seen).step == step


def test_termination_that_waits_for_the_request_becomes_overdue() -> None:
    plan = decide_with(begin_termination(), 20, build_request(SpotRequestState.ACTIVE))
    assert (plan.step, plan.reason.code) == (None, EventCode.TERMINATE_OVERDUE)


def test_refused_cancellation_is_notified() -> None:
    error = PermanentAwsError("UnauthorizedOperation", "You are not authorized.")
    plan = record_outcome(begin_termination(), CANCEL, error, START)
    assert [entry.code for entry in plan.timeline] == [EventCode.TERMINATE_REFUSED]


def end_launch(cause: EndCause = EndCause.ZONE) -> Plan:
    """Return the plan for a launch that EC2 has ended."""
    booting = replace(build_spot_instance(), phase=Phase.BOOTING, observed=ObservedState(), phase_since=START)
    reason = StateReason(code="Server.InsufficientInstanceCapacity", cause=cause)
    return decide(booting, observe(Ec2State.TERMINATED, reason), START + MINUTE, build_context())


def test_launch_that_ec2_ends_cancels_its_request_before_another_zone_is_tried() -> None:
    plan = end_launch()
    assert (plan.step, plan.requeue, plan.instance.ec2_instance) == (CANCEL, True, None)


def test_lost_cancellation_of_an_ended_launch_is_repeated_before_the_next_launch() -> None:
    ended = end_launch().instance
    assert decide_without_ec2(ended, 1.5).step is None
    again = decide_without_ec2(ended, 3)
    assert again.step == CANCEL
    throttled = record_outcome(again.instance, CANCEL, AwsError("RequestLimitExceeded", "Slow down."), get_time(3))
    assert decide_without_ec2(throttled.instance, 4).step == CANCEL
    accepted = record_outcome(again.instance, CANCEL, CallAccepted(), get_time(3))
    assert accepted.requeue
    assert isinstance(decide_without_ec2(accepted.instance, 3).step, ResolveLaunch)


def test_request_that_ec2_no_longer_knows_does_not_hold_the_launch() -> None:
    gone = record_outcome(end_launch().instance, CANCEL, AwsNotFound("NotFound", "No such request."), get_time(1))
    assert isinstance(decide_without_ec2(gone.instance, 1).step, ResolveLaunch)


def decide_without_ec2(instance: Instance, minute: float) -> Plan:
    return decide(instance, Observation(ec2=NotVisible()), get_time(minute), build_context())


@pytest.mark.parametrize("state", [Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED])
def test_termination_outside_gpudesk_cancels_the_request(state: Ec2State) -> None:
    plan = decide(build_spot_instance(), observe(state), START + MINUTE, build_context())
    assert plan.step == CANCEL
