"""A move that fails during its launch takes the former EC2 instance back, and loses no fact of the record."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    TransientAwsError,
)
from chalicelib.domain.common.deadlines import LAUNCH_VISIBILITY_DEADLINE, MOVE_LAUNCH_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.commands.request_move import cancel_move
from chalicelib.domain.instances.commands.stop_start import request_start, request_termination
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.plan import Launch
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import Interruption
from tests.support.ready_instance import ADA, INSTANCE_ID, MINUTE
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.moving_simulation import (
    THERE,
    MovingSimulation,
    build_stopped_instance,
    run_until_moved,
    run_until_sent,
    start_move,
)
from tests.unit.instances.simulation import get_time


def check_taken_back(aws: MovingAws, simulation: MovingSimulation, *, is_cancelled: bool = False) -> None:
    """Check that the record has its former EC2 instance, and that the other one is gone."""
    before = build_stopped_instance()
    run_until_moved(simulation, 60)
    after = simulation.instance
    assert after.ec2_instance is not None
    assert after.ec2_instance.instance_id == INSTANCE_ID
    assert (after.phase, after.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert (after.spec.region, after.spec.hardware) == (before.spec.region, before.spec.hardware)
    assert after.billing.rates == before.billing.rates
    assert after.tag_id == "gd-copied"
    assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    assert aws.states.get(NEW_ID) in (None, Ec2State.TERMINATED)
    assert INSTANCE_ID not in after.launch.ended_instance_ids
    ended = EventCode.MOVE_CANCELLED if is_cancelled else EventCode.MOVE_FAILED
    assert simulation.count_entries(ended) == 1
    simulation.apply_change(request_start(after, ADA, get_time(100)))
    simulation.show()
    simulation.run_until(Phase.READY, 100, 106)


def test_launch_that_fails_takes_the_former_instance_back() -> None:
    aws, simulation = start_move(THERE)
    aws.faults[Launch] = QuotaExceeded("VcpuLimitExceeded", "The quota is exceeded.")
    check_taken_back(aws, simulation)


def test_silent_agent_at_the_target_takes_the_former_instance_back() -> None:
    aws, simulation = start_move(THERE)
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.BOOTING
    aws.agent_responds = False
    for minute in range(3, 25):
        simulation.decide(minute)
    assert simulation.instance.ec2_instance is not None
    aws.agent_responds = True
    check_taken_back(aws, simulation)


def test_end_of_the_new_instance_from_outside_takes_the_former_one_back() -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, 2)
    aws.states[NEW_ID] = Ec2State.TERMINATED
    simulation.decide(3)
    aws.agent_responds = True
    check_taken_back(aws, simulation)


def test_launch_that_takes_too_long_takes_the_former_instance_back() -> None:
    aws, simulation = start_move()
    aws.document_duration = 20 * MINUTE
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.SETTING_UP
    simulation.decide(MOVE_LAUNCH_DEADLINE // MINUTE + 5)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1


def test_cancelled_move_takes_the_former_instance_back() -> None:
    aws, simulation = start_move()
    aws.agent_responds = False
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.BOOTING
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(3)))
    simulation.show()
    aws.agent_responds = True
    check_taken_back(aws, simulation, is_cancelled=True)


def test_former_instance_that_was_started_outside_gpudesk_is_taken_back_with_its_work() -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    aws.states[INSTANCE_ID], aws.agent_responds = Ec2State.RUNNING, True
    run_until_moved(simulation)
    assert aws.states == {INSTANCE_ID: Ec2State.RUNNING, NEW_ID: Ec2State.TERMINATED}
    assert simulation.instance.ec2_instance is not None
    assert simulation.instance.ec2_instance.instance_id == INSTANCE_ID
    assert simulation.count_entries(EventCode.MOVED) == 0


def test_failed_move_keeps_the_keep_and_the_interruption_of_the_instance() -> None:
    aws, simulation = start_move(THERE)
    kept, interruption = (
        Lifetime(keep_until=get_time(900), keep_requested_by="ada"),
        Interruption(interrupted_at=get_time(0)),
    )
    before = simulation.instance
    observed = replace(before.observed, interruption=interruption)
    simulation.instance = aws.instance = replace(before, lifetime=kept, observed=observed)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    assert simulation.instance.observed.interruption is None
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(4)))
    assert simulation.instance.lifetime == kept
    assert simulation.instance.observed.interruption == interruption


@pytest.mark.parametrize("is_terminated", [True, False])
def test_move_ends_only_when_its_last_launch_call_is_known(is_terminated: bool) -> None:
    _, simulation = start_move(THERE)
    before, _ = run_until_sent(simulation)
    end = 14
    if is_terminated:
        simulation.apply_change(request_termination(before, ADA, get_time(end)))
    else:
        assert before.move is not None
        move = replace(before.move, step_since=get_time(end) - MOVE_LAUNCH_DEADLINE)
        simulation.instance = replace(before, move=move)
    simulation.decide(end + 2)
    assert simulation.instance.is_launching_for_move
    simulation.decide(end + 2 + LAUNCH_VISIBILITY_DEADLINE // MINUTE)
    assert not simulation.instance.is_launching_for_move
    assert simulation.count_entries(EventCode.MOVE_FAILED) == (0 if is_terminated else 1)


def test_launch_at_the_target_does_not_wait_for_a_larger_quota() -> None:
    aws, simulation = start_move(THERE)
    spec = simulation.instance.spec
    simulation.instance = aws.instance = replace(simulation.instance, spec=replace(spec, wait_for_quota=True))
    aws.faults[Launch] = QuotaExceeded("VcpuLimitExceeded", "The quota is exceeded.")
    run_until_moved(simulation)
    (message,) = simulation.list_messages(EventCode.MOVE_FAILED)
    assert "then move n again" in message
    assert "wait_for_quota" not in message
    assert simulation.count_entries(EventCode.WAITING_FOR_QUOTA) == 0


def check_single_failure(simulation: MovingSimulation, cause: str) -> None:
    """Check that the owner is notified of the end of a move once, with its cause and no advice about launches."""
    run_until_moved(simulation, 60)
    notified = [entry for entry in simulation.timeline if entry.code.audience]
    assert [entry.code for entry in notified] == [EventCode.MOVE_FAILED]
    message = notified[0].message
    assert cause in message
    assert [
        text for text in ("could not be launched", "aunch again", "aunch it", "wait_until") if text in message
    ] == []


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (PermanentAwsError("Blocked", "This account is blocked."), "blocked (Blocked)."),
        (InsufficientCapacity("InsufficientInstanceCapacity", "None is left."), "no capacity"),
        (TransientAwsError("RequestLimitExceeded", "Too many requests."), "(RequestLimitExceeded)"),
    ],
)
def test_owner_is_notified_once_of_a_failed_launch_at_the_target(error: AwsError, cause: str) -> None:
    aws, simulation = start_move(THERE)
    aws.faults[Launch] = error
    check_single_failure(simulation, cause)


def test_owner_is_notified_once_of_a_failed_setup_at_the_target() -> None:
    aws, simulation = start_move(THERE)
    aws.failures = ["gpudesk-error: no disk"] * 9
    check_single_failure(simulation, "no disk")


def test_failed_launch_at_the_target_still_counts_for_the_limit_of_its_owner() -> None:
    _, simulation = start_move(THERE)
    before, _ = run_until_sent(simulation)
    failed = record_outcome(before, simulation.steps[-1], PermanentAwsError("Blocked", "Blocked."), get_time(15))
    assert failed.instance.phase is Phase.FAILED
    assert failed.instance.counts_for_limit
