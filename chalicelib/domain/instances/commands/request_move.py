"""Request the move of a stopped instance to another zone or region, or cancel it. A start needs a disk meanwhile."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.commands.change import RecordChange, describe_state, require_not_ending
from chalicelib.domain.instances.commands.start_options import is_waiting_to_start
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle import move_end
from chalicelib.domain.instances.lifecycle.plans import to_stopped
from chalicelib.domain.instances.lifecycle.unwanted_return import is_interrupted
from chalicelib.domain.instances.move_state import MoveState, MoveStep, MoveTarget
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import StartState


def require_movable(instance: Instance, now: datetime) -> Ec2Instance:
    """Return the EC2 instance of an instance that can be moved now: one that is stopped, or waits to start.

    :raises Conflict: gpudesk did not launch it, or it runs, ends, moves already, or an image is being created from it
    """
    require_not_ending(instance, "be moved")
    name, ec2_instance = instance.name, instance.ec2_instance
    if instance.is_adopted_on_request:
        message = (
            f"gpudesk did not launch {name}, so it cannot set it up elsewhere. Create an AMI of it and launch that."
        )
        raise Conflict(message, code=ErrorCode.CONFLICT)
    if instance.move:
        message = f"{name} moves already, or the end of its last move is being cleaned up. See status.move."
        raise Conflict(message, code=ErrorCode.MOVE_IN_PROGRESS)
    is_starting = instance.phase is Phase.BOOTING and is_waiting_to_start(instance)
    if is_starting and instance.start.refused_since is None:
        # EC2 may start it at any moment.
        message = f"{name} is being started. Stop it first, or request the move when AWS has no capacity for the start."
        raise Conflict(message, code=ErrorCode.NOT_STOPPED)
    is_stopped = instance.phase is Phase.STOPPED or is_starting
    if ec2_instance is None or not is_stopped or ec2_instance.state is not Ec2State.STOPPED:
        message = f"{name} {describe_state(instance)}. Stop it first. Request the move when it is stopped."
        raise Conflict(message, code=ErrorCode.NOT_STOPPED)
    if instance.has_image_in_progress(now):
        message = f"An image of {name} is being created. Request the move when it is available."
        raise Conflict(message, code=ErrorCode.IMAGE_IN_PROGRESS)
    return ec2_instance


def request_move(instance: Instance, move_id: str, target: MoveTarget, actor: Actor, now: datetime) -> RecordChange:
    """Request a move. A start that waits for capacity ends with it.

    :raises Conflict: the instance cannot be moved now
    """
    ec2_instance = require_movable(instance, now)
    move = MoveState(
        id=move_id,
        requested_by=actor.name,
        requested_at=now,
        source_region=instance.spec.region,
        source_zone=ec2_instance.zone,
        target=target,
        step_since=now,
    )
    message = f"{actor.name} requested the move of {instance.name} to {move.place} as {target.hardware.instance_type}."
    if instance.phase is Phase.BOOTING:
        message += " The start that waited for capacity has ended: start it again if the move is cancelled."
    elif is_interrupted(instance) and instance.spec.desired is DesiredState.RUNNING:
        message += " It no longer waits for EC2 to start it: start it again if the move is cancelled."
    reason = EventReason(code=EventCode.MOVE_REQUESTED, message=message)
    stopped = instance if instance.phase is Phase.STOPPED else to_stopped(instance, reason, now)
    moving = replace(
        stopped,
        move=move,
        start=StartState(),
        reason=reason,
        state_request=None,
        spec=replace(instance.spec, desired=DesiredState.STOPPED),
    )
    return RecordChange(moving, (timeline_entry(now, reason, actor=actor.name),))


def cancel_move(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """Cancel a move: the instance stays where it was, stopped. A move that has ended stays as it is.

    :raises Conflict: the instance does not move, or it was just launched and is not visible in EC2 yet
    """
    move = instance.move
    if move is None or move.step is MoveStep.CLEAN_UP:
        message = f"{instance.name} does not move. Request a move before you cancel it."
        raise Conflict(message, code=ErrorCode.NOT_MOVING)
    if instance.has_moved:
        message = (
            f"{instance.name} has moved to {move.place} and was ready there. Its move cannot be cancelled any more."
        )
        raise Conflict(message, code=ErrorCode.NOT_MOVING)
    attempt = instance.launch.attempt
    if move.step is MoveStep.LAUNCH and instance.ec2_instance is None and attempt and attempt.sent_at:
        message = f"{instance.name} is being launched at its new place. Cancel the move again in a minute."
        raise Conflict(message, code=ErrorCode.CONFLICT)
    plan = move_end.cancel_move(instance, f"{actor.name} cancelled the move.", now)
    return RecordChange(plan.instance, plan.timeline)


def require_disk(instance: Instance) -> None:
    """Refuse the start of an instance whose disk was deleted during its move. Such a start would end the move.

    :raises Conflict: its former EC2 instance was terminated outside gpudesk
    """
    move = instance.move
    if move is None or not move.is_source_lost or not (move.is_copying or move.is_failed):
        return
    follows = (
        f"It starts at the end of its move to {move.place}, from the image of its disk."
        if move.is_copying
        else f"Its move to {move.place} has ended. gpudesk keeps the image of its disk, and closes its record."
    )
    message = (
        f"{instance.name} cannot be started in {move.source_zone}: its former EC2 instance was terminated outside "
        f"gpudesk, and its disk is deleted. {follows}"
    )
    raise Conflict(message, code=ErrorCode.MOVE_IN_PROGRESS)
