"""A move loses no EC2 instance and no fact of its record, whatever happens during its launch."""

from dataclasses import replace
from datetime import datetime
from typing import cast

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Instance
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID
from tests.unit.instances.simulation import CATALOG, build_context, build_instance, get_time
from tests.unit.instances.test_moving import THERE, start_move
from tests.unit.notifications.delivery import OneInstanceRepository
from tests.unit.notifications.triggers import FakeAdoptions, FakeVolumes


def list_orphans(records: list[Instance], now: datetime) -> list[str]:
    """Return the orphans while EC2 shows the stopped former instance, whose tag names another record."""
    other = replace(build_instance(), id="gd-copied")
    adopter = OrphanAdopter(
        OneInstanceRepository(other), cast("Reconciler", None), FakeVolumes(), CATALOG, FakeAdoptions(None)
    )
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
