"""Terminate the obsolete EC2 instances of a move that has ended, and delete the images of the disk.

They cost money: gpudesk repeats the deletion until AWS shows nothing of the move.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.common.deadlines import (
    CALL_RETRY_AFTER,
    IMAGE_RETRY_AFTER,
    MOVE_LEFTOVER_AFTER,
    VISIBILITY_GRACE,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_age, format_duration
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, STARTED_STATES, Ec2State
from chalicelib.domain.instances.lifecycle.move_source_loss import has_only_copy, keep_images
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, is_entry_due, record_once
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.move_state import MoveState, ObsoleteInstance, drop_first_obsolete
from chalicelib.domain.instances.observation import MoveObservation, NotVisible, Unavailable
from chalicelib.domain.instances.plan import Move, MoveCall, Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import ObservedSpotRequest


def clean_up(instance: Instance, move: MoveState, observed: MoveObservation, now: datetime) -> Plan | None:
    """Terminate the obsolete EC2 instance, its spot request first, then delete the images with their snapshots.

    :returns: None if there is nothing to do now, so that the phase of the instance decides
    """
    if now - move.step_since > MOVE_LEFTOVER_AFTER and is_entry_due(instance, EventCode.MOVE_LEFTOVER, now):
        return _notify_leftover(instance, move, now)
    if move.obsolete:
        return _end_obsolete(instance, move, move.obsolete, observed, now)
    if isinstance(observed.leftover_count, Unavailable):
        return None
    if observed.leftover_count and has_only_copy(instance, move):
        return keep_images(instance, move, now)
    if observed.leftover_count:
        return _call_again(instance, move, MoveCall.DELETE_IMAGES, now)
    if move.image_called_at and now - move.image_called_at < IMAGE_RETRY_AFTER:
        return None
    message = f"The images of the move of {instance.name} are deleted, and nothing of it is billed any more."
    reason = EventReason(code=EventCode.MOVE_CLEANED_UP, message=message)
    plan = record_event(replace(instance, move=None), reason, now)
    return replace(plan, requeue=True)


def _end_obsolete(
    instance: Instance, move: MoveState, obsolete: ObsoleteInstance, observed: MoveObservation, now: datetime
) -> Plan | None:
    """Cancel the spot request of an obsolete EC2 instance, terminate the instance, and forget it when it is gone."""
    if isinstance(observed.obsolete_state, Unavailable):
        return None
    waited, request = now - move.step_since, observed.obsolete_request
    if isinstance(request, Unavailable):
        return None
    if _is_gone(observed.obsolete_state, waited):
        # EC2 would launch another instance for the request of one that was terminated outside gpudesk.
        if isinstance(request, ObservedSpotRequest) and request.is_live:
            return _call_again(instance, move, MoveCall.CANCEL_REQUEST, now)
        return _forget_obsolete(instance, move, obsolete)
    if isinstance(observed.obsolete_launched_at, Unavailable):
        return None
    if _is_started(obsolete, observed) and not instance.is_termination_requested:
        return _keep_started(instance, move, obsolete, now)
    is_requested = _is_requested(obsolete, request, waited)
    return _call_again(instance, move, MoveCall.CANCEL_REQUEST if is_requested else MoveCall.TERMINATE, now)


def _is_gone(state: Ec2State | None, waited: timedelta) -> bool:
    """Return whether an EC2 instance has ended. One that was just launched may not be visible yet."""
    return waited > VISIBILITY_GRACE if state is None else state in ENDED_STATES


def _is_started(obsolete: ObsoleteInstance, observed: MoveObservation) -> bool:
    """Return whether a former EC2 instance runs or was started since the move, so that its disk may have newer work."""
    if obsolete.stopped_after is None:
        return False
    started_at = observed.obsolete_launched_at
    is_newer = isinstance(started_at, datetime) and started_at > obsolete.stopped_after
    return obsolete.is_started or is_newer or observed.obsolete_state in STARTED_STATES


def _keep_started(instance: Instance, move: MoveState, obsolete: ObsoleteInstance, now: datetime) -> Plan | None:
    """Leave a former EC2 instance that was started to the admins, and notify people of it, again each day.

    :returns: None if they know it, so that the phase of the instance decides
    """
    if obsolete.is_started and not is_entry_due(instance, EventCode.MOVE_LEFTOVER, now):
        return None
    kept = replace(move, obsolete=replace(obsolete, is_started=True))
    return _notify_leftover(forget_facts(instance, EventCode.MOVE_LEFTOVER), kept, now)


def _is_requested(obsolete: ObsoleteInstance, request: ObservedSpotRequest | NotVisible, waited: timedelta) -> bool:
    """Return whether EC2 would launch an instance again after the termination. A new request may not be visible."""
    if isinstance(request, ObservedSpotRequest):
        return request.is_live
    return obsolete.spot_instance_request_id is not None and waited <= VISIBILITY_GRACE


def _forget_obsolete(instance: Instance, move: MoveState, obsolete: ObsoleteInstance) -> Plan:
    """Count its disk no longer."""
    rates = instance.billing.rates
    disk = rates.disk - obsolete.disk_rate if rates.disk is not None else None
    freed = replace(
        instance,
        move=drop_first_obsolete(move),
        billing=replace(instance.billing, rates=replace(rates, disk=disk)),
    )
    message = f"{obsolete.instance_id}, the obsolete EC2 instance of {instance.name}, is terminated."
    return replace(no_op(freed, EventCode.MOVING, message), requeue=True)


def _call_again(instance: Instance, move: MoveState, call: MoveCall, now: datetime) -> Plan | None:
    """Make a call, and again while its effect does not show; None: the last one was just made."""
    if move.called_at and now - move.called_at < CALL_RETRY_AFTER:
        return None
    message = f"Calling EC2 after the move of {instance.name}: {call}."
    return Plan(
        instance=replace(instance, move=replace(move, called_at=now)),
        reason=EventReason(code=EventCode.MOVING, message=message),
        step=Move(move.id, call),
    )


def _notify_leftover(instance: Instance, move: MoveState, now: datetime) -> Plan:
    message = (
        f"The move of {instance.name} ended {format_age(now - move.step_since)}. {_describe_leftover(move)} "
        f"{_describe_way_out(move)}"
    )
    reason = EventReason(code=EventCode.MOVE_LEFTOVER, message=message)
    return record_once(replace(instance, move=move), EventCode.MOVE_LEFTOVER, reason, now)


def _describe_way_out(move: MoveState) -> str:
    """Return what gpudesk does about the leftover and what an admin should do, as sentences."""
    if move.obsolete and move.obsolete.is_started:
        return (
            "It was started outside gpudesk or by EC2, so its disk may have newer work, and gpudesk does not terminate "
            "it. An admin should save what is needed and terminate it in the EC2 console."
        )
    every = format_duration(CALL_RETRY_AFTER)
    return f"gpudesk tries to delete it every {every}. An admin should look for the cause in the EC2 console."


def _describe_leftover(move: MoveState) -> str:
    """Return what AWS still bills, as a sentence."""
    obsolete = move.obsolete
    if obsolete is None:
        return f"AWS still has and bills an image of its disk (tag gpudesk:move={move.id})."
    can_run = obsolete.price is not None and (obsolete.stopped_after is None or obsolete.is_started)
    running = f" ({format_usd(obsolete.price)} per hour while it runs)" if obsolete.price and can_run else ""
    return f"AWS still has and bills the EC2 instance {obsolete.instance_id} in {obsolete.region}{running}."
