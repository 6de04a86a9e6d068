"""Decide for an instance that moves: create the image of its disk, and copy it to the region of the target.

What follows is decided in `move_launch`, `move_end` and `move_clean_up`.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsDuplicate, AwsError, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.deadlines import IMAGE_RETRY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.move_clean_up import clean_up
from chalicelib.domain.instances.lifecycle.move_deadlines import describe_overdue_step
from chalicelib.domain.instances.lifecycle.move_end import cancel_move, fail_move
from chalicelib.domain.instances.lifecycle.move_launch import EC2_RETURNED_IT, begin_launch, decide_launch
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, require_ec2_instance
from chalicelib.domain.instances.lifecycle.unwanted_return import is_unwanted_return
from chalicelib.domain.instances.move_state import MoveState, MoveStep
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedMoveImage, Unavailable
from chalicelib.domain.instances.plan import Move, MoveCall, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def decide(instance: Instance, observation: Observation, now: datetime, desk: DeskSettings) -> Plan | None:
    """Decide what follows for the move of an instance.

    :returns: None if there is none, or if the phase of the instance decides
    """
    move = instance.move
    if move is None:
        return None
    overdue = describe_overdue_step(move, now, desk)
    match move.step:
        case MoveStep.IMAGE | MoveStep.COPY:
            return _decide_copying(instance, move, observation, overdue, now)
        case MoveStep.LAUNCH:
            return decide_launch(instance, move, observation.move.former_state, overdue, now)
        case MoveStep.CLEAN_UP:
            plan = clean_up(instance, move, observation.move, now)
            # The clean-up makes no calls while gpudesk is paused, and then must not keep the phase from deciding.
            return None if plan and plan.step and desk.mode is Mode.PAUSED else plan


def record_call(instance: Instance, call: MoveCall, error: AwsError | None, now: datetime) -> Plan:
    """Record the outcome of a call of the move. An image that cannot be created ends it.

    :param error: None: AWS accepted the call, and the next observation shows the effect
    """
    if error is None or isinstance(error, AwsDuplicate):
        plan = no_op(instance, EventCode.MOVING, f"AWS accepted the call for {instance.name}: {call}.")
        return replace(plan, requeue=True)
    is_copying = call in (MoveCall.CREATE_IMAGE, MoveCall.COPY_IMAGE)
    if is_copying and isinstance(error, PermanentAwsError | QuotaExceeded):
        return fail_move(instance, f"AWS refused to {call}: {error.description}", now)
    message = f"AWS did not accept the call for {instance.name} ({error.code}): {call}. gpudesk calls again."
    return no_op(instance, EventCode.RETRYING, message)


def is_expected(instance: Instance, step: Move) -> bool:
    """Return whether the move still waits for the outcome of a call."""
    steps = {MoveCall.CREATE_IMAGE: MoveStep.IMAGE, MoveCall.COPY_IMAGE: MoveStep.COPY}
    move = instance.move
    return move is not None and move.id == step.move_id and move.step is steps.get(step.call, MoveStep.CLEAN_UP)


def _decide_copying(
    instance: Instance, move: MoveState, observation: Observation, overdue: str | None, now: datetime
) -> Plan:
    """Create or copy the image, and wait until it is available. The instance stays stopped meanwhile."""
    ec2_instance = require_ec2_instance(instance)
    if instance.phase is not Phase.STOPPED or instance.spec.desired is not DesiredState.STOPPED:
        return _end_as_started(instance, now)
    if ec2_instance.state is not Ec2State.STOPPED and not move.is_source_lost:
        return _end_as_started(instance, now)
    if overdue:
        return fail_move(instance, overdue, now)
    match observation.move.image:
        case Unavailable(error):
            return no_op(instance, EventCode.AWS_UNAVAILABLE, f"EC2 does not show the image of the move: {error}")
        case NotVisible():
            return _call(instance, move, now)
        case ObservedMoveImage(ami_id=ami_id, state="available"):
            return _use_image(instance, move, ami_id, now)
        case ObservedMoveImage(state="pending"):
            return no_op(instance, EventCode.MOVING, f"The disk of {instance.name} is being copied.")
        case ObservedMoveImage(state=state, failure_reason=cause):
            if move.step is MoveStep.IMAGE:
                instance = replace(instance, move=replace(move, image_id=None))
            return fail_move(instance, f"EC2 says {state} for the image of its disk. {cause}".rstrip(), now)


def _end_as_started(instance: Instance, now: datetime) -> Plan:
    """End the move of an instance that does not stay stopped, and say who started it."""
    request = instance.state_request
    has_returned = is_unwanted_return(instance) or instance.observed.was_interrupted
    if request and request.state is DesiredState.RUNNING:
        return cancel_move(instance, f"{request.actor} requested its start, which ends the move.", now)
    if has_returned:
        cause = f"{EC2_RETURNED_IT} Request the move again when it is stopped."
        return fail_move(instance, cause, now, is_started=True)
    return fail_move(instance, "It was started outside gpudesk meanwhile.", now, is_started=True)


def _call(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Create or copy the image; again only when an image of the first call would be visible."""
    if move.called_at and now - move.called_at < IMAGE_RETRY_AFTER:
        return no_op(instance, EventCode.MOVING, f"EC2 does not show the image of {instance.name} yet.")
    call = MoveCall.CREATE_IMAGE if move.step is MoveStep.IMAGE else MoveCall.COPY_IMAGE
    called = replace(move, called_at=now, image_called_at=now)
    reason = EventReason(code=EventCode.MOVING, message=f"Calling EC2 to {call} of {instance.name}.")
    return Plan(instance=replace(instance, move=called), reason=reason, step=Move(move.id, call))


def _use_image(instance: Instance, move: MoveState, ami_id: str, now: datetime) -> Plan:
    """Copy the image to the region of the target, or launch from it if it is there."""
    if move.step is MoveStep.IMAGE and move.target.region != move.source_region:
        copying = replace(move, step=MoveStep.COPY, step_since=now, called_at=None, image_id=ami_id)
        message = f"The disk of {instance.name} is being copied from {move.source_region} to {move.target.region}."
        reason = EventReason(code=EventCode.MOVING, message=message)
        plan = record_event(replace(instance, move=copying, reason=reason), reason, now)
        return replace(plan, requeue=True)
    return begin_launch(instance, replace(move, launch_image_id=ami_id), now)
