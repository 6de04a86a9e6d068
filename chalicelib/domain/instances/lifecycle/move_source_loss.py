"""Go on with a move whose former EC2 instance is terminated outside gpudesk.

Its images are the only copies of the disk then. gpudesk never deletes them unless a person gives up the instance.
A person who wants to get rid of an instance requests its termination, which ends the move and deletes its images.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.deadlines import IMAGE_RETRY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2State
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.lifecycle.request_cancellation import remember_request_of_former
from chalicelib.domain.instances.lifecycle.spot_termination import find_cancellation
from chalicelib.domain.instances.move_state import MoveState, MoveStep, remove_former_disk
from chalicelib.domain.instances.observation import MoveObservation, NotVisible, ObservedMoveImage, Unavailable
from chalicelib.domain.instances.plan import CancelSpotRequest, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def survive_end(instance: Instance, plan: Plan, observed: MoveObservation, now: datetime) -> Plan | None:
    """Go on with a move although its EC2 instance has ended, if there is an image of its disk or may be one.

    :param instance: the record with what EC2 shows
    :param plan: what follows from that
    :returns: None: nothing ends, or the move is prepared for it, so that it is decided as usual
    """
    move = instance.move
    is_copying = move is not None and move.step in (MoveStep.IMAGE, MoveStep.COPY)
    is_ending = plan.instance.phase in (Phase.TERMINATING, Phase.TERMINATED)
    if move is None or not is_copying or not is_ending or instance.spec.desired is not DesiredState.STOPPED:
        return plan
    if move.is_source_lost:
        return None
    if move.step is MoveStep.IMAGE:
        image = observed.image
        if isinstance(image, Unavailable):
            message = f"{plan.reason.message} EC2 does not show yet whether there is an image of its disk."
            return no_op(instance, EventCode.AWS_UNAVAILABLE, message)
        if not _may_have_image(move, image, now):
            return plan
        # It is kept, although it is not available yet, if the move is cancelled now.
        move = replace(move, image_id=image.ami_id if isinstance(image, ObservedMoveImage) else None)
    rates = _drop_disk(instance.billing.rates)
    freed = replace(instance, billing=replace(instance.billing, rates=rates))
    return _record_loss(freed, move, find_cancellation(instance.spec.region, instance.ec2_instance), now)


def find_loss_at_launch(
    instance: Instance, move: MoveState, former_state: Ec2State | Unavailable | None, now: datetime
) -> Plan | None:
    """Record that the former EC2 instance was terminated during the launch at the target.

    EC2 forgets a terminated instance after about an hour. It cannot be too new to be visible:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html

    :returns: None if it was not, or if that is recorded
    """
    is_lost = former_state is None or former_state in ENDED_STATES
    if move.former is None or move.is_source_lost or not is_lost:
        return None
    former = replace(move.former, rates=_drop_disk(move.former.rates))
    rates = remove_former_disk(move, instance.billing.rates)
    freed = replace(instance, billing=replace(instance.billing, rates=rates))
    cancellation = find_cancellation(former.region, former.ec2_instance)
    return _record_loss(freed, replace(move, former=former), cancellation, now)


def is_loss(before: Instance, plan: Plan) -> bool:
    """Return whether a plan records that the former EC2 instance of a move is terminated. That is only an observation.

    :param before: the record before the plan
    """
    move = plan.instance.move
    is_known = before.move is not None and before.move.is_source_lost
    return move is not None and move.is_source_lost and not is_known


def has_only_copy(instance: Instance, move: MoveState) -> bool:
    """Return whether the complete images of a move that failed are all that is left of the disk, and nobody gave it up.

    Also an instance that EC2 no longer shows may be terminated.

    :param instance: the record with what EC2 shows
    """
    ec2_instance, has_image = instance.ec2_instance, bool(move.image_id or move.launch_image_id)
    is_hidden = instance.observed.not_visible_since is not None
    is_ended = move.is_source_lost or is_hidden or (ec2_instance is not None and ec2_instance.state in ENDED_STATES)
    return move.is_failed and has_image and is_ended and not instance.is_termination_requested


def keep_images(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Forget a move, and leave its images to the admins: they are the only copies of the disk."""
    places = {move.image_id: move.source_region, move.launch_image_id: move.target.region}
    images = " and ".join(f"{image_id} in {region}" for image_id, region in places.items() if image_id)
    crosses = move.target.region != move.source_region
    copy = (
        f" A copy with the same tag may exist in {move.target.region}." if crosses and not move.launch_image_id else ""
    )
    message = (
        f"The EC2 instance of {instance.name} is terminated, and its disk is deleted. The image of its move is the "
        f"only copy of the disk, so gpudesk does not delete it: {images} (tag gpudesk:move={move.id}).{copy} It "
        "contains the secrets of the instance, and AWS bills its snapshots. An admin can launch an EC2 instance from "
        "it in the EC2 console, and must delete image and snapshots there when nobody needs them."
    )
    reason = EventReason(code=EventCode.MOVE_IMAGE_KEPT, message=message)
    return replace(record_event(replace(instance, move=None), reason, now), requeue=True)


def _may_have_image(move: MoveState, image: ObservedMoveImage | NotVisible, now: datetime) -> bool:
    """Return whether EC2 shows an image of the disk, or may show one that was just requested.

    The deletion of a volume does not affect its snapshots:
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-snapshot.html
    """
    if isinstance(image, ObservedMoveImage):
        return image.state in ("pending", "available")
    return move.image_called_at is not None and now - move.image_called_at < IMAGE_RETRY_AFTER


def _record_loss(instance: Instance, move: MoveState, cancellation: CancelSpotRequest | None, now: datetime) -> Plan:
    """Record the end of the former EC2 instance, and cancel its spot request: EC2 would launch another one for it."""
    message = (
        f"The EC2 instance that {instance.name} moves away from was terminated outside gpudesk, and its disk is "
        f"deleted. The move to {move.place} goes on with the image of the disk."
    )
    reason = EventReason(code=EventCode.MOVING, message=message)
    remembered = remember_request_of_former(instance, cancellation, now)
    lost = replace(remembered, move=replace(move, is_source_lost=True))
    return replace(record_event(lost, reason, now), step=cancellation, requeue=True)


def _drop_disk(rates: Rates) -> Rates:
    """Return the rates without the disk: AWS bills it no longer."""
    return replace(rates, disk=Decimal(0)) if rates.disk is not None else rates
