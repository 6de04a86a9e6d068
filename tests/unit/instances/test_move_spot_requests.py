"""The spot request of a former instance that was terminated outside gpudesk: EC2 must launch no other one for it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from typing_extensions import override

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.observation import MoveObservation, NotVisible, ObservedInstance
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import CancelSpotRequest, Launch, MoveCall, Step
from chalicelib.domain.instances.spot import SpotRequestKey, SpotRequestState
from tests.support.ready_instance import INSTANCE_ID
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.moving_simulation import THERE, MovingSimulation, run_until_moved, start_move
from tests.unit.instances.spot_examples import build_request

CANCELLATION = CancelSpotRequest(SpotRequestKey(region="us-east-1", instance_id=INSTANCE_ID, request_id="sir-1"))


@dataclass
class SpotAws(MovingAws):
    """EC2 with a persistent request for the instance that moves away.

    :ivar request: the state of the request
    :ivar log: the names of the launches and cancellations, in their order
    """

    request: SpotRequestState = SpotRequestState.DISABLED
    log: list[str] = field(default_factory=list)

    @override
    def execute(self, step: Step, now: datetime) -> Outcome:
        outcome = super().execute(step, now)
        if isinstance(step, CancelSpotRequest | Launch):
            self.log.append(type(step).__name__)
        return outcome

    @override
    def _observe_instance(self) -> ObservedInstance | NotVisible:
        seen = super()._observe_instance()
        if isinstance(seen, NotVisible) or seen.instance_id != INSTANCE_ID:
            return seen
        return replace(seen, market=Market.SPOT, spot_instance_request_id="sir-1")

    @override
    def _observe_move(self) -> MoveObservation:
        seen, move = super()._observe_move(), self.instance.move if self.instance else None
        is_former = move is not None and move.obsolete is not None and move.obsolete.instance_id == INSTANCE_ID
        return replace(seen, obsolete_request=build_request(self.request)) if is_former else seen

    @override
    def _call(self, call: MoveCall) -> Outcome:
        if call is MoveCall.CANCEL_REQUEST:
            self.request = SpotRequestState.CANCELLED
        return super()._call(call)


def start_spot_move(pending: MoveStep | None) -> tuple[SpotAws, MovingSimulation]:
    """Return a spot instance that stays in a step of its move, or in the boot at its target."""
    before, simulation = start_move(THERE)
    aws = SpotAws(instance=before.instance, states=before.states)
    simulation.aws, aws.agent_responds, aws.pending_step = aws, False, pending
    return aws, simulation


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.PAUSED])
@pytest.mark.parametrize("step", [MoveStep.COPY, MoveStep.LAUNCH])
def test_request_is_cancelled_before_the_launch_at_the_target(step: MoveStep, mode: Mode) -> None:
    aws, simulation = start_spot_move(step)
    aws.faults[Launch] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    simulation.run_minutes(1, 3)
    aws.log.clear()
    aws.states[INSTANCE_ID], simulation.mode = Ec2State.TERMINATED, mode
    aws.faults[CancelSpotRequest] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    simulation.run_minutes(4, 5)
    simulation.mode, aws.pending_step, aws.agent_responds = Mode.ENFORCE, None, True
    simulation.run_minutes(6, 8)
    assert simulation.instance.launch.uncancelled_requests == (CANCELLATION.request,)
    assert NEW_ID not in aws.states
    assert set(aws.log) == {"CancelSpotRequest"}
    aws.faults.clear()
    run_until_moved(simulation)
    assert aws.log[-2:] == ["CancelSpotRequest", "Launch"]
    assert CANCELLATION.request not in simulation.instance.launch.uncancelled_requests


def test_request_is_cancelled_if_the_instance_ends_during_the_setup_at_the_target() -> None:
    aws, simulation = start_spot_move(None)
    simulation.run_minutes(1, 3)
    aws.states[INSTANCE_ID] = Ec2State.TERMINATED
    simulation.decide(4)
    assert CANCELLATION in simulation.steps


def test_request_is_cancelled_if_the_instance_ends_before_the_clean_up() -> None:
    aws, simulation = start_spot_move(None)
    simulation.run_minutes(1, 3)
    aws.agent_responds = True
    for minute in range(4, 20):
        aws.states[INSTANCE_ID] = Ec2State.TERMINATED if simulation.instance.has_moved else Ec2State.STOPPED
        simulation.decide(minute)
    assert simulation.instance.move is None
    assert aws.calls.count(MoveCall.CANCEL_REQUEST) == 1
    assert MoveCall.TERMINATE not in aws.calls
