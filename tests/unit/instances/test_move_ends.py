"""The texts of a move that ends: they say the true cause, and are about the instance that stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.stop_start import build_request_reason, request_start
from chalicelib.domain.instances.ec2_instance import Ec2State, StateReason
from chalicelib.domain.instances.lifecycle import spot_interruption
from chalicelib.domain.instances.lifecycle.launch_table import describe_wait
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import Interruption
from tests.support.ready_instance import ADA, INSTANCE_ID
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.moving_simulation import THERE, MovingSimulation, run_until_moved, start_move
from tests.unit.instances.simulation import get_time
from tests.unit.instances.spot_examples import EC2_SPOT, INTERRUPTED, STOPPED_BY_CALL, WARNING

STAYS = "n could not be moved to us-west-2 and stays stopped in us-east-1a, as before. "


def start_launch(*, max_hours: int = 72) -> tuple[MovingAws, MovingSimulation]:
    """Return an instance that boots at its target, and whose agent does not respond."""
    aws, simulation = start_move(THERE)
    policy = replace(simulation.instance.spec.policy, max_hours=max_hours)
    simulation.instance = replace(simulation.instance, spec=replace(simulation.instance.spec, policy=policy))
    simulation.show()
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    assert simulation.instance.phase is Phase.BOOTING
    return aws, simulation


def find_notified(simulation: MovingSimulation) -> list[tuple[EventCode, str]]:
    return [(entry.code, entry.message) for entry in simulation.timeline if entry.code.audience]


def check_end(simulation: MovingSimulation, cause: str) -> None:
    """Check that the owner gets one message: the instance stays where it was, and why."""
    run_until_moved(simulation)
    assert find_notified(simulation) == [(EventCode.MOVE_FAILED, STAYS + cause)]
    after = simulation.instance
    assert (after.phase, after.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert after.reason.message == STAYS + cause
    assert after.observed == ObservedState(agent_seen=True)


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.DRY_RUN])
@pytest.mark.parametrize("resumes", [True, False])
def test_interruption_warning_at_the_target_ends_the_move(resumes: bool, mode: Mode) -> None:
    aws, simulation = start_launch()
    spec = simulation.instance.spec
    terms = replace(spec.spot, resume_after_interruption=resumes)
    spot = replace(EC2_SPOT.to_ec2_instance(), instance_id=NEW_ID)
    simulation.instance = replace(
        simulation.instance, spec=replace(spec, market=Market.SPOT, spot=terms), ec2_instance=spot
    )
    plan = spot_interruption.record_warning(simulation.instance, WARNING, get_time(1), mode)
    assert plan is not None
    simulation.instance = plan.instance
    simulation.timeline += plan.timeline
    simulation.show()
    check_end(simulation, "EC2 interrupts its new spot instance there at 09:02 UTC, before it was ready.")
    assert aws.states[NEW_ID] is Ec2State.TERMINATED


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (Ec2State.STOPPED, INTERRUPTED, "EC2 interrupted its new spot instance there."),
        (Ec2State.TERMINATED, INTERRUPTED, "EC2 interrupted its new spot instance there."),
        (Ec2State.STOPPING, STOPPED_BY_CALL, "Its new EC2 instance was stopped outside gpudesk."),
        (Ec2State.SHUTTING_DOWN, STOPPED_BY_CALL, "Its new EC2 instance was terminated outside gpudesk."),
        (Ec2State.TERMINATED, STOPPED_BY_CALL, "Its new EC2 instance was terminated outside gpudesk."),
    ],
)
def test_end_of_the_new_instance_is_the_cause_and_not_the_state_of_the_instance(
    state: Ec2State, reason: StateReason, cause: str
) -> None:
    aws, simulation = start_launch()
    observed = replace(simulation.instance.observed, agent_seen=True, boot_id="boot-of-the-discarded-instance")
    simulation.instance = replace(simulation.instance, observed=observed)
    aws.states[NEW_ID], aws.reasons[NEW_ID] = state, reason
    check_end(simulation, f"{cause} {reason.text}")


def test_lifetime_that_ends_at_the_target_stops_nothing_but_the_move() -> None:
    aws, simulation = start_launch(max_hours=1)
    aws.agent_responds, aws.document_duration = True, timedelta(hours=5)
    for minute in range(4, 90):
        simulation.decide(minute)
    codes = [code for code, _ in find_notified(simulation)]
    assert EventCode.STOP_INITIATED not in codes
    assert codes[-1] is EventCode.MOVE_FAILED
    assert simulation.instance.ec2_instance is not None
    assert simulation.instance.ec2_instance.instance_id == INSTANCE_ID


def test_silent_agent_at_the_target_is_the_cause_and_nobody_is_warned() -> None:
    aws, simulation = start_launch()
    run_until_moved(simulation)
    ((code, message),) = find_notified(simulation)
    assert code is EventCode.MOVE_FAILED
    assert message.startswith(f"{STAYS}The SSM agent of n has not responded for ")
    assert aws.states[NEW_ID] is Ec2State.TERMINATED


def test_start_by_its_owner_cancels_the_move_and_is_no_failure() -> None:
    aws, simulation = start_move(THERE)
    aws.image_state = "pending"
    simulation.run_minutes(1, 2)
    change = request_start(simulation.instance, ADA, get_time(3))
    assert "ends its move to us-west-2: it starts in us-east-1a" in build_request_reason(change.instance).message
    simulation.apply_change(change)
    simulation.show()
    simulation.run_until(Phase.READY, 3, 12)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 0
    (message,) = simulation.list_messages(EventCode.MOVE_CANCELLED)
    assert message == (
        "n is not moved to us-west-2 and stays in us-east-1a. ada requested its start, which ends the move."
    )


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.DRY_RUN])
@pytest.mark.parametrize("is_copying", [True, False])
@pytest.mark.parametrize(
    ("interruption", "cause"),
    [
        (Interruption(interrupted_at=get_time(0)), "has started it again there for its spot request"),
        (None, "started outside gpudesk meanwhile"),
    ],
)
def test_move_says_who_started_the_instance_that_it_leaves(
    interruption: Interruption | None, cause: str, is_copying: bool, mode: Mode
) -> None:
    aws, simulation = start_move(THERE)
    simulation.mode = mode
    observed = replace(simulation.instance.observed, interruption=interruption)
    simulation.instance = replace(simulation.instance, observed=observed)
    simulation.show()
    aws.agent_responds = False
    aws.image_state = "pending" if is_copying else "available"
    simulation.run_minutes(1, 3)
    aws.states[INSTANCE_ID] = Ec2State.RUNNING
    run_until_moved(simulation)
    (message,) = simulation.list_messages(EventCode.MOVE_FAILED)
    assert message.startswith("n could not be moved to us-west-2 and is in us-east-1a, as before. ")
    assert cause in message
    # Nobody has requested a start, so gpudesk stops it. A dry run leaves it running.
    if interruption and mode is Mode.DRY_RUN:
        assert simulation.instance.reason.code is EventCode.SPOT_RESUMED
    is_left_running = interruption is None or mode is Mode.DRY_RUN
    assert (aws.states[INSTANCE_ID] is Ec2State.RUNNING) is is_left_running


@pytest.mark.parametrize(
    ("region", "zone", "place"),
    [
        ("us-east-1", None, "the zones of us-east-1 besides us-east-1a"),
        ("us-east-1", "us-east-1b", "us-east-1b"),
        (THERE, None, THERE),
        (THERE, f"{THERE}b", f"{THERE}b"),
    ],
)
def test_launch_of_a_move_waits_for_the_zones_that_it_tries(region: str, zone: str | None, place: str) -> None:
    aws, simulation = start_move(region)
    move = simulation.instance.move
    assert move is not None
    simulation.instance = replace(simulation.instance, move=replace(move, target=replace(move.target, zone=zone)))
    simulation.show()
    aws.agent_responds = False
    simulation.run_minutes(1, 2)
    assert describe_wait(simulation.instance) == f"for g4dn.xlarge in {place}"
