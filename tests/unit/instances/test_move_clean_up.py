"""After a move, gpudesk deletes what is left of it, and nothing of it becomes another record."""

from dataclasses import replace
from datetime import datetime
from typing import cast

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.aws_errors import PermanentAwsError, TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.request_move import cancel_move
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle.move_end import fail_move
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.outcome import InstanceLaunched
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID
from tests.unit.instances.moving_aws import NEW_ID
from tests.unit.instances.moving_simulation import THERE, run_until_moved, run_until_sent, set_rates, start_move
from tests.unit.instances.simulation import build_context, build_instance, get_time
from tests.unit.notifications.delivery import OneInstanceRepository
from tests.unit.notifications.triggers import FakeAdoptions, FakeVolumes


def test_leftovers_are_deleted_again_and_notified_each_day() -> None:
    aws, simulation = start_move()
    aws.refusals[MoveCall.DELETE_IMAGES] = PermanentAwsError("UnauthorizedOperation", "Not allowed.")
    simulation.run_minutes(1, 80)
    assert simulation.count_entries(EventCode.MOVE_LEFTOVER) == 1
    assert aws.calls.count(MoveCall.DELETE_IMAGES) > 20
    simulation.decide(26 * 60)
    assert simulation.count_entries(EventCode.MOVE_LEFTOVER) == 2
    aws.refusals.clear()
    simulation.decide(26 * 60 + 3)
    simulation.decide(26 * 60 + 4)
    assert simulation.instance.move is None


def test_leftover_instance_is_named_with_its_place_and_its_price() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.refusals[MoveCall.TERMINATE] = PermanentAwsError("OperationNotPermitted", "Not this one.")
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(4)))
    simulation.show()
    simulation.run_minutes(5, 80)
    (message,) = simulation.list_messages(EventCode.MOVE_LEFTOVER)
    assert f"bills the EC2 instance {NEW_ID} in {THERE} ($1.000 per hour while it runs)." in message


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
