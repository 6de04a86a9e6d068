"""A move loses no EC2 instance and no fact of its record, whatever happens during its launch."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    TransientAwsError,
)
from chalicelib.domain.common.deadlines import LAUNCH_VISIBILITY_DEADLINE, MOVE_LAUNCH_DEADLINE
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.billing import BillingState, Rates
from chalicelib.domain.instances.commands.change import describe_not_ready
from chalicelib.domain.instances.commands.consequences import list_consequences
from chalicelib.domain.instances.commands.keep import request_keep
from chalicelib.domain.instances.commands.request_move import cancel_move, require_movable
from chalicelib.domain.instances.commands.stop_start import request_start, request_stop, request_termination
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle import moving
from chalicelib.domain.instances.lifecycle.move_end import fail_move
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.outcome import InstanceLaunched
from chalicelib.domain.instances.plan import Launch, MoveCall
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot import Interruption
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID, MINUTE
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.simulation import build_context, build_instance, get_time
from tests.unit.instances.test_moving import (
    THERE,
    MovingSimulation,
    build_stopped_instance,
    run_until_moved,
    start_move,
)
from tests.unit.notifications.delivery import OneInstanceRepository
from tests.unit.notifications.triggers import FakeAdoptions, FakeVolumes


def list_orphans(records: list[Instance], now: datetime) -> list[str]:
    """Return the orphans while EC2 shows the stopped former instance, whose tag names another record."""
    other = replace(build_instance(), id="gd-copied")
    adopter = OrphanAdopter(OneInstanceRepository(other), cast("Reconciler", None), FakeVolumes(), FakeAdoptions(None))
    former = replace(EC2_RUNNING, tag_id="gd-copied", state=Ec2State.STOPPED)
    return [each.instance_id for each in adopter.find_orphans([former], records, build_context(), now)]


def test_former_instance_with_a_copied_tag_is_not_adopted_until_it_is_gone() -> None:
    aws, simulation = start_move(THERE)
    aws.refusals[MoveCall.TERMINATE] = PermanentAwsError("OperationNotPermitted", "Not this one.")
    steps = set()
    for minute in range(1, 30):
        simulation.decide(minute)
        move = simulation.instance.move
        if move and INSTANCE_ID in simulation.instance.held_ec2_ids:
            steps.add(move.step)
            assert list_orphans([simulation.instance], get_time(60)) == []
    assert steps == {MoveStep.LAUNCH, MoveStep.CLEAN_UP}
    assert list_orphans([], get_time(60)) == [INSTANCE_ID]


def run_until_sent(simulation: MovingSimulation) -> tuple[Instance, Launch]:
    """Return a record whose launch at the target was called first in minute 2 or 3, and last in minute 14."""
    assert isinstance(simulation.aws, MovingAws)
    simulation.aws.faults[Launch] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    for minute in (1, 2, 3, 14):
        simulation.decide(minute)
    attempt = simulation.instance.launch.attempt
    assert attempt is not None
    assert attempt.sent_at is not None
    assert attempt.sent_at <= get_time(3)
    assert attempt.last_called_at == get_time(14)
    return simulation.instance, Launch(attempt, is_first_call=False)


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


def test_instance_launched_after_the_end_of_its_move_is_terminated() -> None:
    aws, simulation = start_move(THERE)
    _, step = run_until_sent(simulation)
    failed = fail_move(simulation.instance, "It took too long.", get_time(30)).instance
    late = Ec2Instance(instance_id=NEW_ID, zone="us-west-2b", state=Ec2State.PENDING, launched_at=get_time(30))
    aws.states[NEW_ID] = Ec2State.RUNNING
    known = record_outcome(failed, step, InstanceLaunched(late), get_time(31)).instance
    again = replace(late, instance_id="i-newer")
    aws.states["i-newer"] = Ec2State.RUNNING
    simulation.instance = record_outcome(known, step, InstanceLaunched(again), get_time(31)).instance
    run_until_moved(simulation)
    assert (aws.states[NEW_ID], aws.states["i-newer"]) == (Ec2State.TERMINATED, Ec2State.TERMINATED)
    assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    assert record_outcome(known, step, InstanceLaunched(late), get_time(32)).reason.code is EventCode.SUPERSEDED


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


@pytest.mark.parametrize(("minutes", "image_state"), [(2, "pending"), (3, "available")])
def test_pause_does_not_use_up_the_time_of_a_move(minutes: int, image_state: str) -> None:
    aws, simulation = start_move(THERE)
    aws.image_state, aws.agent_responds = image_state, False
    simulation.run_minutes(1, minutes)
    move = simulation.instance.move
    assert move is not None
    later = move.step_since + timedelta(days=1)
    observed = aws.observe(later)
    for desk in (DeskSettings(mode=Mode.PAUSED), DeskSettings(resumed_at=later - MINUTE)):
        plan = moving.decide(simulation.instance, observed, later, desk)
        assert plan is None or plan.reason.code is EventCode.MOVING
    failed = moving.decide(simulation.instance, observed, later, DeskSettings())
    assert failed is not None
    assert failed.reason.code is EventCode.MOVE_FAILED


def test_clean_up_that_waits_for_the_end_of_a_pause_leaves_the_decision_to_the_phase() -> None:
    aws, simulation = start_move()
    aws.refusals[MoveCall.DELETE_IMAGES] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    simulation.run_minutes(1, 12)
    assert simulation.instance.phase is Phase.READY
    simulation.mode = Mode.PAUSED
    assert simulation.decide(16).reason.code is not EventCode.DESK_PAUSED
    simulation.mode = Mode.ENFORCE
    aws.refusals.clear()
    simulation.run_minutes(20, 23)
    assert simulation.instance.move is None


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


def set_rates(simulation: MovingSimulation) -> None:
    """Set the price of both disks to 0.01 USD per hour, and that of the instance to 1 USD."""
    rates, before = Rates(instance=Decimal(1), disk=Decimal("0.01")), simulation.instance
    assert before.move is not None
    move = replace(before.move, target=replace(before.move.target, rates=rates))
    simulation.instance = replace(before, move=move, billing=replace(before.billing, rates=rates))
    simulation._show()


def test_former_disk_is_billed_while_nothing_is_launched() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.faults[Launch] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    states = set()
    for minute in range(1, 12):
        simulation.decide(minute)
        states.add(simulation.instance.billing.meter.state)
    assert simulation.instance.is_launching_for_move
    assert states == {BillingState.STOPPED}


def test_price_of_a_moved_instance_is_without_its_former_disk() -> None:
    _, simulation = start_move(THERE)
    set_rates(simulation)
    run_until_moved(simulation)
    assert "It costs $1.010 per hour." in simulation.instance.reason.message


def test_leftover_instance_is_named_with_its_place_and_its_price() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.refusals[MoveCall.TERMINATE] = PermanentAwsError("OperationNotPermitted", "Not this one.")
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(4)))
    simulation._show()
    simulation.run_minutes(5, 80)
    (message,) = simulation.list_messages(EventCode.MOVE_LEFTOVER)
    assert f"bills the EC2 instance {NEW_ID} in {THERE} ($1.000 per hour while it runs)." in message


@pytest.mark.parametrize("minutes", [0, 3])
def test_termination_during_a_move_is_not_said_to_be_a_failure(minutes: int) -> None:
    aws, simulation = start_move(THERE)
    aws.image_state = "available" if minutes else "pending"
    aws.agent_responds = False
    simulation.run_minutes(1, minutes)
    simulation.apply_change(request_termination(simulation.instance, ADA, get_time(minutes)))
    simulation._show()
    simulation.run_until(Phase.TERMINATED, minutes + 1, minutes + 30)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 0
    assert any("the termination of n was requested" in text for text in simulation.list_messages(EventCode.MOVING))


def test_termination_during_the_launch_names_both_disks() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    after = request_termination(simulation.instance, ADA, get_time(4)).instance
    message = next(iter(list_consequences(after))).message
    assert "and that of its former EC2 instance are deleted. They no longer cost $14.60 per month." in message


def test_requests_for_a_ready_instance_say_that_its_disk_is_being_copied() -> None:
    _, simulation = start_move(THERE)
    moving = simulation.instance
    answer = describe_not_ready(moving, "Request the image")
    assert answer == "n is moving: its disk is being copied. Request the image when it is ready."
    with pytest.raises(Conflict, match="its disk is being copied"):
        request_keep(moving, get_time(60), ADA, DeskSettings().limits, get_time(0))


def test_stop_during_the_launch_of_a_move_is_refused_before_and_after_the_launch() -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    assert simulation.instance.ec2_instance is not None
    for instance in (simulation.instance, replace(simulation.instance, ec2_instance=None)):
        with pytest.raises(Conflict, match="/instances/n/move"):
            request_stop(instance, ADA, get_time(4))


def test_instance_whose_start_was_called_is_not_moved_until_aws_has_refused_it() -> None:
    stopped = build_stopped_instance()
    starting = request_start(stopped, ADA, get_time(0)).instance
    with pytest.raises(Conflict, match="is being started"):
        require_movable(replace(starting, phase=Phase.BOOTING), get_time(1))
    refused = replace(starting, phase=Phase.BOOTING, start=replace(starting.start, refused_since=get_time(1)))
    assert require_movable(refused, get_time(2)) == stopped.ec2_instance
