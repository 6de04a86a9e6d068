"""EC2 and SSM for an instance that moves: two EC2 instances with the same tag, and the images of the move."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from typing_extensions import override

from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, StateReason
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.observation import (
    MoveObservation,
    NotVisible,
    Observation,
    ObservedInstance,
    ObservedMoveImage,
)
from chalicelib.domain.instances.outcome import CallAccepted, InstanceLaunched, LaunchResolved, Outcome
from chalicelib.domain.instances.plan import Launch, Move, MoveCall, Start, Step, Stop, Terminate
from chalicelib.domain.instances.record import Instance
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID
from tests.unit.instances.simulated_aws import SimulatedAws

NEW_ID = "i-new"
STATES_AFTER: dict[type, Ec2State] = {
    Start: Ec2State.RUNNING,
    Stop: Ec2State.STOPPED,
    Terminate: Ec2State.TERMINATED,
}


@dataclass
class MovingAws(SimulatedAws):
    """The first observation after a call shows its effect, unless `image_state` is another one.

    :ivar instance: the record as it is observed
    :ivar states: of the EC2 instances, by id
    :ivar reasons: EC2's reasons for these states, by id
    :ivar images: the steps of the move whose image exists
    :ivar calls: the calls of the move
    :ivar pending_step: the step whose image is pending, whatever `image_state` is
    :ivar refusals: outcomes of calls of the move
    """

    instance: Instance | None = None
    states: dict[str, Ec2State] = field(default_factory=lambda: {INSTANCE_ID: Ec2State.STOPPED})
    reasons: dict[str, StateReason] = field(default_factory=dict)
    images: set[MoveStep] = field(default_factory=set)
    image_state: str = "available"
    pending_step: MoveStep | None = None
    calls: list[MoveCall] = field(default_factory=list)
    refusals: dict[MoveCall, AwsError] = field(default_factory=dict)
    attempts: list[LaunchAttempt] = field(default_factory=list)

    @override
    def observe(self, now: datetime) -> Observation:
        machine = self.instance.ec2_instance if self.instance else None
        self.state = self.states.get(machine.instance_id) if machine else None
        return replace(super().observe(now), move=self._observe_move())

    @override
    def execute(self, step: Step, now: datetime) -> Outcome:
        match step:
            case Move(_, call):
                return self._call(call)
            case Launch(attempt) if Launch not in self.faults:
                self.states[NEW_ID], self.launched_at = Ec2State.RUNNING, now
                self.attempts.append(attempt)
                return InstanceLaunched(
                    Ec2Instance(instance_id=NEW_ID, zone=attempt.zone, state=Ec2State.PENDING, launched_at=now)
                )
        outcome = super().execute(step, now)
        move = self.instance.move if self.instance else None
        if isinstance(outcome, LaunchResolved) and move:
            target = move.target
            size, region = target.hardware.instance_type, target.region
            attempt = replace(outcome.attempt, region=region, zone=f"{region}b", instance_type=size)
            return replace(outcome, attempt=attempt, hardware=target.hardware, rates=target.rates)
        after = STATES_AFTER.get(type(step))
        if after and self.instance and self.instance.ec2_instance:
            self.states[self.instance.ec2_instance.instance_id] = after
        return outcome

    @override
    def _observe_instance(self) -> ObservedInstance | NotVisible:
        machine = self.instance.ec2_instance if self.instance else None
        if machine is None or self.instance is None:
            return NotVisible()
        return replace(
            EC2_RUNNING,
            instance_id=machine.instance_id,
            zone=machine.zone,
            instance_type=self.instance.spec.hardware.instance_type,
            state=self.states[machine.instance_id],
            state_reason=self.reasons.get(machine.instance_id),
            launched_at=self.launched_at,
        )

    def _observe_move(self) -> MoveObservation:
        move = self.instance.move if self.instance else None
        if move is None:
            return MoveObservation()
        state = "pending" if move.step is self.pending_step else self.image_state
        image = ObservedMoveImage(ami_id=f"ami-{move.step}", state=state)
        return MoveObservation(
            image=image if move.step in self.images else NotVisible(),
            former_state=self.states.get(move.former.ec2_instance.instance_id) if move.former else None,
            obsolete_state=self.states.get(move.obsolete.instance_id) if move.obsolete else None,
            leftover_count=len(self.images),
        )

    def _call(self, call: MoveCall) -> Outcome:
        self.calls.append(call)
        if call in self.refusals:
            return self.refusals[call]
        move = self.instance.move if self.instance else None
        match call:
            case MoveCall.CREATE_IMAGE:
                self.images.add(MoveStep.IMAGE)
            case MoveCall.COPY_IMAGE:
                self.images.add(MoveStep.COPY)
            case MoveCall.DELETE_IMAGES:
                self.images.clear()
            case MoveCall.TERMINATE if move and move.obsolete:
                self.states[move.obsolete.instance_id] = Ec2State.TERMINATED
        return CallAccepted()
