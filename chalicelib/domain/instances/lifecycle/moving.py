"""Decide for an instance that moves: create the image, copy it, launch from it.

`move_end` decides how a move ends.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsDuplicate, AwsError, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.deadlines import IMAGE_RETRY_AFTER, LAUNCH_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifecycle.move_deadlines import describe_overdue_step
from chalicelib.domain.instances.lifecycle.move_end import (
    clean_up,
    end_successfully,
    fail_move,
    is_termination_requested,
)
from chalicelib.domain.instances.lifecycle.plans import (
    no_op,
    record_event,
    require_ec2_instance,
    with_phase,
)
from chalicelib.domain.instances.move_state import FormerPlace, MoveState, MoveStep, add_former_disk
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedMoveImage, Unavailable
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.plan import Move, MoveCall, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.setup.state import collect_documents_for_image

FAILED_PHASES = (Phase.FAILED, Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING)
"""Phases from which an instance at the target does not become ready."""


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
            return _decide_launch(instance, move, observation.move.former_state, overdue, now)
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
    if instance.spec.desired is not DesiredState.STOPPED or ec2_instance.state is not Ec2State.STOPPED:
        return fail_move(instance, "It does not stay stopped, which a move needs.", now)
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
            return fail_move(instance, f"EC2 says {state} for the image of its disk. {cause}".rstrip(), now)


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
    return _launch(instance, replace(move, launch_image_id=ami_id), now)


def _launch(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Let go of the EC2 instance, which stays stopped, and launch another one at the target.

    Both have the id of the record in their tags. `ended_instance_ids` keeps the record from finding the former one.
    """
    former_instance, target = require_ec2_instance(instance), move.target
    former = FormerPlace(
        region=instance.spec.region,
        hardware=instance.spec.hardware,
        ec2_instance=former_instance,
        setup=instance.setup,
        rates=instance.billing.rates,
        free_disk_gib=instance.spec.free_disk_gib,
        has_priced_disks=instance.spec.has_priced_disks,
        tagged_id=instance.tagged_id,
        interruption=instance.observed.interruption,
    )
    size = target.hardware.instance_type
    message = f"The disk of {instance.name} is copied. Launching it as {size} in {target.region}."
    reason = EventReason(code=EventCode.MOVING, message=message)
    launch = instance.launch
    launched = replace(move, step=MoveStep.LAUNCH, step_since=now, called_at=None, former=former)
    launching = replace(
        with_phase(instance, Phase.LAUNCHING, reason, now),
        move=launched,
        ec2_instance=None,
        tagged_id=None,
        state_request=None,
        launch=LaunchState(
            attempt_count=launch.attempt_count,
            started_at=now,
            ended_instance_ids=(*launch.ended_instance_ids, former_instance.instance_id),
        ),
        spec=replace(
            instance.spec,
            desired=DesiredState.RUNNING,
            region=target.region,
            hardware=target.hardware,
            free_disk_gib=None,
            launch_choice=None,
            wait_for_quota=False,
        ),
        setup=replace(
            instance.setup.begin_again(target.documents, on_running_instance=False),
            installed_documents=collect_documents_for_image(instance.setup),
            results=(),
        ),
        observed=ObservedState(),
        ready_since=None,
        billing=replace(instance.billing, rates=add_former_disk(launched, target.rates)),
    )
    return replace(record_event(launching, reason, now), requeue=True)


def _decide_launch(
    instance: Instance, move: MoveState, former_state: Ec2State | Unavailable | None, overdue: str | None, now: datetime
) -> Plan | None:
    """End the move when the instance is ready at its target, or cannot become ready.

    A former instance that was started, by a person or by EC2 for its spot request, may have newer work on its disk.
    """
    if is_termination_requested(instance):
        return _wait_for_sent_launch(instance, now) or fail_move(instance, "Its termination was requested.", now)
    if former_state in (Ec2State.PENDING, Ec2State.RUNNING, Ec2State.STOPPING):
        cause = "Its former EC2 instance was started outside gpudesk meanwhile, so its disk may have changed."
        return _wait_for_sent_launch(instance, now) or fail_move(instance, cause, now)
    if instance.phase is Phase.READY:
        is_former_known = move.former is None or not isinstance(former_state, Unavailable)
        return end_successfully(instance, move, now) if is_former_known else None
    if instance.phase in FAILED_PHASES:
        return fail_move(instance, instance.reason.message, now)
    if overdue is None:
        return None
    return _wait_for_sent_launch(instance, now) or fail_move(instance, overdue, now)


def _wait_for_sent_launch(instance: Instance, now: datetime) -> Plan | None:
    """Wait while EC2 may still show the instance of a launch request that was sent. It is not sent again.

    :returns: None if the move can end
    """
    attempt = instance.launch.attempt
    called_at = attempt.last_called_at if attempt else None
    if instance.ec2_instance or called_at is None or now - called_at >= LAUNCH_VISIBILITY_DEADLINE:
        return None
    message = f"The move of {instance.name} ends when it is known whether its launch had an effect."
    return no_op(instance, EventCode.CANCEL_PENDING, message)
