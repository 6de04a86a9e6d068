"""An instance that was ready at the target of its move has moved: nothing that happens later takes its work back."""

from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from typing_extensions import override

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.request_move import cancel_move
from chalicelib.domain.instances.commands.stop_start import request_stop, request_termination
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import spot_interruption
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.observation import MoveObservation, Unavailable
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA, INSTANCE_ID, START
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.moving_simulation import THERE, MovingSimulation, set_rates, start_move
from tests.unit.instances.simulation import build_heartbeat, get_time
from tests.unit.instances.spot_examples import STOPPED_BY_CALL, WARNING

DOWN = Unavailable("Could not connect to the endpoint.")


@dataclass
class OutageAws(MovingAws):
    """AWS whose region that the instance leaves does not respond.

    :ivar is_down: the outage lasts
    :ivar started_at: the last start of the former instance that EC2 shows
    """

    is_down: bool = True
    started_at: datetime = START

    @override
    def _observe_move(self) -> MoveObservation:
        seen = replace(super()._observe_move(), obsolete_launched_at=self.started_at)
        return (
            replace(seen, former_state=DOWN, obsolete_state=DOWN, obsolete_launched_at=DOWN) if self.is_down else seen
        )


def start_outage() -> tuple[OutageAws, MovingSimulation, int]:
    """Return an instance that just became ready at its target, and the minute: its move has not ended yet."""
    before, simulation = start_move(THERE)
    set_rates(simulation)
    aws = OutageAws(instance=simulation.instance, states=before.states)
    simulation.aws = aws
    minute = simulation.run_until(Phase.READY, 1, 20)
    assert simulation.instance.move is not None
    assert simulation.instance.move.step is MoveStep.LAUNCH
    return aws, simulation, minute


def check_moved(aws: OutageAws, simulation: MovingSimulation, minute: int) -> None:
    """Check that the record keeps its new EC2 instance, also when the other region responds again."""
    aws.is_down = False
    simulation.run_minutes(minute, minute + 8)
    after = simulation.instance
    assert (after.move, after.spec.region) == (None, THERE)
    assert after.ec2_instance is not None
    assert after.ec2_instance.instance_id == NEW_ID
    assert aws.states[NEW_ID] is not Ec2State.TERMINATED
    assert aws.states[INSTANCE_ID] is Ec2State.TERMINATED
    assert (simulation.count_entries(EventCode.MOVED), simulation.count_entries(EventCode.MOVE_FAILED)) == (1, 0)


def test_idle_stop_stops_it_where_it_is() -> None:
    aws, simulation, ready_at = start_outage()
    for minute in range(ready_at + 1, ready_at + 40):
        simulation.decide(minute, replace(build_heartbeat(minute, since=ready_at), instance_id=NEW_ID))
    assert (simulation.instance.phase, aws.states[NEW_ID]) == (Phase.STOPPED, Ec2State.STOPPED)
    assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    check_moved(aws, simulation, ready_at + 40)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("state", [Ec2State.STOPPING, Ec2State.STOPPED])
def test_stop_outside_gpudesk_leaves_it_where_it_is(state: Ec2State, mode: Mode) -> None:
    aws, simulation, ready_at = start_outage()
    simulation.mode = mode
    aws.states[NEW_ID], aws.reasons[NEW_ID] = state, STOPPED_BY_CALL
    simulation.decide(ready_at + 1)
    assert simulation.count_entries(EventCode.STOPPED_EXTERNALLY) == 1
    simulation.mode, aws.states[NEW_ID] = Mode.ENFORCE, Ec2State.STOPPED
    check_moved(aws, simulation, ready_at + 2)


def test_interruption_warning_stops_it_where_it_is() -> None:
    aws, simulation, ready_at = start_outage()
    assert simulation.instance.ec2_instance is not None
    spot = replace(simulation.instance.ec2_instance, market=Market.SPOT)
    warning = replace(WARNING, interrupts_at=get_time(ready_at + 2))
    before = replace(simulation.instance, ec2_instance=spot)
    plan = spot_interruption.record_warning(before, warning, get_time(ready_at), Mode.ENFORCE)
    assert plan is not None
    assert plan.reason.code is EventCode.SPOT_INTERRUPTION
    simulation.instance = plan.instance
    simulation.show()
    check_moved(aws, simulation, ready_at + 1)


def test_requested_stop_stops_it_and_its_move_cannot_be_cancelled() -> None:
    aws, simulation, ready_at = start_outage()
    with pytest.raises(Conflict, match="has moved to us-west-2") as caught:
        cancel_move(simulation.instance, ADA, get_time(ready_at))
    assert caught.value.code is ErrorCode.NOT_MOVING
    simulation.apply_change(request_stop(simulation.instance, ADA, get_time(ready_at)))
    simulation.show()
    check_moved(aws, simulation, ready_at + 1)
    assert simulation.instance.phase is Phase.STOPPED


def test_end_of_its_disk_right_after_it_was_ready_takes_the_former_one_back() -> None:
    aws, simulation, ready_at = start_outage()
    aws.states[NEW_ID], aws.is_down = Ec2State.TERMINATED, False
    simulation.run_minutes(ready_at + 1, ready_at + 8)
    assert simulation.instance.ec2_instance is not None
    assert simulation.instance.ec2_instance.instance_id == INSTANCE_ID
    assert aws.states[INSTANCE_ID] is Ec2State.STOPPED


@pytest.mark.parametrize("is_seen_running", [True, False])
def test_former_instance_that_was_started_meanwhile_is_left_to_the_admins(is_seen_running: bool) -> None:
    aws, simulation, ready_at = start_outage()
    simulation.run_minutes(ready_at + 1, ready_at + 5)
    aws.is_down, aws.started_at = False, START if is_seen_running else get_time(ready_at)
    aws.states[INSTANCE_ID] = Ec2State.RUNNING if is_seen_running else Ec2State.STOPPED
    simulation.run_minutes(ready_at + 6, ready_at + 70)
    aws.states[INSTANCE_ID] = Ec2State.STOPPED
    simulation.decide(ready_at + 71)
    assert MoveCall.TERMINATE not in aws.calls
    (message,) = simulation.list_messages(EventCode.MOVE_LEFTOVER)
    assert f"bills the EC2 instance {INSTANCE_ID} in us-east-1 ($1.000 per hour while it runs)." in message
    assert "its disk may have newer work, and gpudesk does not terminate it." in message
    assert simulation.instance.phase is Phase.READY
    simulation.decide(ready_at + 26 * 60)
    assert simulation.count_entries(EventCode.MOVE_LEFTOVER) == 2
    aws.states[INSTANCE_ID] = Ec2State.TERMINATED
    check_moved(aws, simulation, ready_at + 26 * 60 + 1)


def test_termination_ends_a_former_instance_that_was_started() -> None:
    aws, simulation, ready_at = start_outage()
    aws.is_down, aws.states[INSTANCE_ID] = False, Ec2State.RUNNING
    simulation.run_minutes(ready_at + 1, ready_at + 2)
    simulation.apply_change(request_termination(simulation.instance, ADA, get_time(ready_at + 3)))
    simulation.show()
    simulation.run_minutes(ready_at + 3, ready_at + 12)
    assert simulation.instance.phase is Phase.TERMINATED
    assert set(aws.states.values()) == {Ec2State.TERMINATED}
