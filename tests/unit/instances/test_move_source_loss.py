"""A move whose former EC2 instance is terminated outside gpudesk goes on, or leaves the only copy of the disk."""

from decimal import Decimal

import pytest
from typing_extensions import override

from chalicelib.domain.common.aws_errors import InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.request_move import cancel_move
from chalicelib.domain.instances.commands.stop_start import request_start, request_stop, request_termination
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.observation import NotVisible, ObservedInstance
from chalicelib.domain.instances.plan import Launch, MoveCall
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA, INSTANCE_ID
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.moving_simulation import (
    HERE,
    THERE,
    MovingSimulation,
    run_until_moved,
    set_rates,
    start_move,
)
from tests.unit.instances.simulation import get_time


def run_until_step(step: MoveStep, region: str = THERE) -> tuple[MovingAws, MovingSimulation]:
    """Return an instance that stays in a step of its move, in minute 4."""
    aws, simulation = start_move(region)
    set_rates(simulation)
    aws.agent_responds, aws.pending_step = False, step
    simulation.run_minutes(1, 3)
    assert simulation.instance.move is not None
    assert simulation.instance.move.step is step
    return aws, simulation


def lose_source(aws: MovingAws, simulation: MovingSimulation) -> None:
    """Let somebody terminate the former EC2 instance, in minutes 4 and 5."""
    for minute, state in enumerate((Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED), 4):
        aws.states[INSTANCE_ID] = state
        simulation.decide(minute)


def check_kept(aws: MovingAws, simulation: MovingSimulation, first: int = 6) -> None:
    """Check that the record is closed, and that the image is kept, which its owner and the admins know."""
    aws.agent_responds = True
    for minute in range(first, first + 54):
        simulation.decide(minute)
    assert (simulation.instance.phase, simulation.instance.move) == (Phase.TERMINATED, None)
    assert aws.images
    assert MoveCall.DELETE_IMAGES not in aws.calls
    assert aws.states.get(NEW_ID, Ec2State.TERMINATED) is Ec2State.TERMINATED
    (message,) = simulation.list_messages(EventCode.MOVE_IMAGE_KEPT)
    assert "ami-image in us-east-1" in message
    assert "tag gpudesk:move=move-1" in message
    ends = (*simulation.list_messages(EventCode.MOVE_FAILED), *simulation.list_messages(EventCode.MOVE_CANCELLED))
    assert len(ends) == 1
    assert "stays" not in ends[0]


@pytest.mark.parametrize(
    ("step", "region"),
    [
        (MoveStep.IMAGE, HERE),
        (MoveStep.IMAGE, THERE),
        (MoveStep.COPY, THERE),
        (MoveStep.LAUNCH, HERE),
        (MoveStep.LAUNCH, THERE),
    ],
)
def test_move_goes_on_with_the_image(step: MoveStep, region: str) -> None:
    aws, simulation = run_until_step(step, region)
    lose_source(aws, simulation)
    assert simulation.instance.billing.rates.disk == (Decimal("0.01") if step is MoveStep.LAUNCH else Decimal(0))
    aws.pending_step, aws.agent_responds = None, True
    run_until_moved(simulation)
    simulation.run_until(Phase.READY, 41, 42)
    assert simulation.count_entries(EventCode.MOVED) == 1
    assert simulation.count_entries(EventCode.TERMINATED_EXTERNALLY) == 0
    assert len([text for text in simulation.list_messages(EventCode.MOVING) if "goes on with the image" in text]) == 1
    assert simulation.instance.billing.rates.disk == Decimal("0.01")
    assert aws.images == set()


def test_move_without_an_image_ends_with_the_instance() -> None:
    aws, simulation = start_move(THERE)
    aws.states[INSTANCE_ID] = Ec2State.TERMINATED
    for minute in range(1, 20):
        simulation.decide(minute)
    assert (simulation.instance.phase, simulation.instance.move) == (Phase.TERMINATED, None)
    (message,) = simulation.list_messages(EventCode.MOVE_FAILED)
    assert message.startswith("n could not be moved to us-west-2. n was terminated outside gpudesk")
    assert simulation.count_entries(EventCode.MOVE_IMAGE_KEPT) == 0


def test_only_copy_is_kept_if_it_cannot_be_copied() -> None:
    aws, simulation = run_until_step(MoveStep.COPY)
    lose_source(aws, simulation)
    aws.pending_step, aws.image_state = None, "failed"
    check_kept(aws, simulation)


def test_only_copy_is_kept_if_aws_refuses_to_copy_it() -> None:
    aws, simulation = run_until_step(MoveStep.IMAGE)
    aws.refusals[MoveCall.COPY_IMAGE] = QuotaExceeded("ResourceLimitExceeded", "Too many copies.")
    lose_source(aws, simulation)
    aws.pending_step = None
    check_kept(aws, simulation)


def test_only_copy_is_kept_if_nothing_can_be_launched_from_it() -> None:
    aws, simulation = start_move(THERE)
    aws.faults[Launch] = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")
    simulation.run_minutes(1, 3)
    lose_source(aws, simulation)
    check_kept(aws, simulation)


@pytest.mark.parametrize("step", [MoveStep.IMAGE, MoveStep.COPY])
def test_only_copy_is_kept_if_the_move_is_cancelled(step: MoveStep) -> None:
    aws, simulation = run_until_step(step)
    lose_source(aws, simulation)
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(6)))
    simulation.show()
    check_kept(aws, simulation)
    (message,) = simulation.list_messages(EventCode.MOVE_IMAGE_KEPT)
    assert "A copy with the same tag may exist in us-west-2." in message


@pytest.mark.parametrize("step", [MoveStep.IMAGE, MoveStep.COPY])
def test_start_does_not_end_the_move_that_saves_the_disk(step: MoveStep) -> None:
    aws, simulation = run_until_step(step)
    lose_source(aws, simulation)
    with pytest.raises(Conflict, match="It starts at the end of its move to us-west-2") as caught:
        request_start(simulation.instance, ADA, get_time(6))
    assert caught.value.code is ErrorCode.MOVE_IN_PROGRESS
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(6)))
    with pytest.raises(Conflict, match="Its move to us-west-2 has ended"):
        request_start(simulation.instance, ADA, get_time(6))


def test_instance_that_moved_without_its_source_can_be_started() -> None:
    aws, simulation = run_until_step(MoveStep.COPY)
    lose_source(aws, simulation)
    aws.pending_step, aws.agent_responds = None, True
    aws.refusals[MoveCall.DELETE_IMAGES] = QuotaExceeded("RequestLimitExceeded", "Too many requests.")
    ready_at = simulation.run_until(Phase.READY, 6, 20)
    simulation.apply_change(request_stop(simulation.instance, ADA, get_time(ready_at)))
    simulation.run_until(Phase.STOPPED, ready_at, ready_at + 5)
    assert simulation.instance.move is not None
    assert request_start(simulation.instance, ADA, get_time(40)).entries


def test_image_that_fails_after_the_end_of_the_instance_is_no_copy() -> None:
    aws, simulation = run_until_step(MoveStep.IMAGE)
    lose_source(aws, simulation)
    aws.pending_step, aws.image_state = None, "failed"
    for minute in range(6, 20):
        simulation.decide(minute)
    assert (simulation.instance.phase, aws.images) == (Phase.TERMINATED, set())
    assert simulation.count_entries(EventCode.MOVE_IMAGE_KEPT) == 0


def test_only_copy_is_deleted_if_the_termination_is_requested() -> None:
    aws, simulation = run_until_step(MoveStep.COPY)
    lose_source(aws, simulation)
    simulation.apply_change(request_termination(simulation.instance, ADA, get_time(6)))
    simulation.show()
    for minute in range(6, 20):
        simulation.decide(minute)
    assert (simulation.instance.phase, aws.images) == (Phase.TERMINATED, set())
    assert simulation.count_entries(EventCode.MOVE_IMAGE_KEPT) == 0


class ForgettingAws(MovingAws):
    """EC2, which no longer shows an instance that is not in `states`."""

    @override
    def _observe_instance(self) -> ObservedInstance | NotVisible:
        machine = self.instance.ec2_instance if self.instance else None
        return super()._observe_instance() if machine and machine.instance_id in self.states else NotVisible()


@pytest.mark.parametrize("is_seen_ended", [True, False])
@pytest.mark.parametrize("region", [HERE, THERE])
def test_only_copy_is_kept_if_ec2_forgets_the_instance_in_a_pause(region: str, is_seen_ended: bool) -> None:
    before, simulation = start_move(region)
    aws = ForgettingAws(instance=before.instance, states=before.states)
    aws.faults[Launch] = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")
    simulation.aws = aws
    simulation.run_minutes(1, 3)
    assert simulation.instance.is_launching_for_move
    simulation.mode = Mode.PAUSED
    if is_seen_ended:
        lose_source(aws, simulation)
        assert simulation.instance.move is not None
        assert simulation.instance.move.is_source_lost
    del aws.states[INSTANCE_ID]
    simulation.decide(90)
    assert simulation.instance.phase is Phase.LAUNCHING
    simulation.mode = Mode.ENFORCE
    for minute in range(91, 300, 3):
        simulation.decide(minute)
    check_kept(aws, simulation, 300)


def test_only_copy_is_kept_if_ec2_forgets_the_instance_after_the_end_of_its_move() -> None:
    before, simulation = start_move(THERE)
    aws = ForgettingAws(instance=before.instance, states=before.states)
    simulation.aws, aws.agent_responds = aws, False
    simulation.run_minutes(1, 3)
    del aws.states[INSTANCE_ID]
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(4)))
    simulation.show()
    for minute in range(4, 200, 3):
        simulation.decide(minute)
    assert (simulation.instance.phase, simulation.instance.move) == (Phase.TERMINATED, None)
    assert aws.images
    assert simulation.count_entries(EventCode.MOVE_IMAGE_KEPT) == 1
