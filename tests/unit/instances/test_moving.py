"""A move copies the disk, launches from it, and keeps the former EC2 instance until the new one is ready."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.deadlines import MOVE_IMAGE_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.commands.stop_start import request_termination
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import moving
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA, INSTANCE_ID, MINUTE
from tests.unit.instances.moving_aws import NEW_ID
from tests.unit.instances.moving_simulation import HERE, THERE, run_until_moved, start_move
from tests.unit.instances.simulation import get_time


@pytest.mark.parametrize(
    ("region", "calls"),
    [
        (HERE, [MoveCall.CREATE_IMAGE, MoveCall.TERMINATE, MoveCall.DELETE_IMAGES]),
        (THERE, [MoveCall.CREATE_IMAGE, MoveCall.COPY_IMAGE, MoveCall.TERMINATE, MoveCall.DELETE_IMAGES]),
    ],
)
def test_moved_instance_is_ready_and_nothing_of_the_move_is_left(region: str, calls: list[MoveCall]) -> None:
    aws, simulation = start_move(region, "g4dn.2xlarge")
    before = simulation.instance
    run_until_moved(simulation)
    after = simulation.instance
    assert aws.calls == calls
    assert (after.id, after.name, after.phase, after.spec.region) == (before.id, before.name, Phase.READY, region)
    assert after.spec.hardware.instance_type == "g4dn.2xlarge"
    assert after.tag_id == after.id, "the launch has tagged it with the id of the record"
    assert after.ec2_instance is not None
    assert after.ec2_instance.instance_id == NEW_ID
    assert aws.states == {INSTANCE_ID: Ec2State.TERMINATED, NEW_ID: Ec2State.RUNNING}
    assert aws.images == set()
    assert simulation.count_entries(EventCode.MOVED) == 1


def test_former_instance_lives_until_the_new_one_is_ready() -> None:
    aws, simulation = start_move()
    for minute in range(1, 30):
        simulation.decide(minute)
        if simulation.instance.phase is not Phase.READY:
            assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    assert aws.states[INSTANCE_ID] is Ec2State.TERMINATED


def test_image_that_cannot_be_created_leaves_the_instance_where_it_was() -> None:
    aws, simulation = start_move()
    aws.refusals[MoveCall.CREATE_IMAGE] = PermanentAwsError("OperationNotPermitted", "Not this disk.")
    run_until_moved(simulation)
    assert (simulation.instance.phase, simulation.instance.spec.region) == (Phase.STOPPED, HERE)
    (message,) = simulation.list_messages(EventCode.MOVE_FAILED)
    assert "AWS refused to create the image: Not this disk (OperationNotPermitted)." in message


@pytest.mark.parametrize("state", ["failed", "error"])
def test_failed_image_ends_the_move(state: str) -> None:
    aws, simulation = start_move()
    aws.image_state = state
    run_until_moved(simulation)
    assert (simulation.instance.phase, aws.images) == (Phase.STOPPED, set())


def test_image_that_stays_pending_ends_the_move_at_its_deadline() -> None:
    aws, simulation = start_move()
    aws.image_state = "pending"
    limit = MOVE_IMAGE_DEADLINE // MINUTE
    for minute in (1, 5, limit - 1):
        simulation.decide(minute)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 0
    simulation.decide(limit + 1)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1
    assert aws.calls.count(MoveCall.CREATE_IMAGE) == 1


def test_disk_that_ends_from_outside_before_it_is_copied_leaves_no_image() -> None:
    aws, simulation = start_move(THERE)
    aws.image_state = "pending"
    simulation.run_minutes(1, 2)
    aws.states[INSTANCE_ID], aws.image_state = Ec2State.TERMINATED, "failed"
    simulation.run_until(Phase.TERMINATED, 3, 12)
    assert (simulation.instance.move, aws.images) == (None, set())
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1


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


@pytest.mark.parametrize("minutes", [0, 1, 2, 5])
def test_termination_during_a_move_leaves_nothing_behind_and_is_no_failure(minutes: int) -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, minutes)
    simulation.apply_change(request_termination(simulation.instance, ADA, get_time(minutes)))
    simulation.show()
    simulation.run_until(Phase.TERMINATED, minutes + 1, minutes + 30)
    assert set(aws.states.values()) == {Ec2State.TERMINATED}
    assert aws.images == set()
    assert simulation.instance.move is None
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 0, "nobody is notified of a failure"
    assert any("the termination of n was requested" in text for text in simulation.list_messages(EventCode.MOVING))


@pytest.mark.parametrize("instance_type", ["g4dn.xlarge", "g4dn.2xlarge"])
def test_move_without_a_zone_never_returns_to_its_zone(instance_type: str) -> None:
    _, simulation = start_move(instance_type=instance_type)
    move = simulation.instance.move
    assert move is not None
    zones = ("us-east-1a", "us-east-1b")
    assert [move.allows_zone(zone) for zone in zones] == [False, True]
    named = replace(move, target=replace(move.target, zone="us-east-1a"))
    assert [named.allows_zone(zone) for zone in zones] == [True, False]
