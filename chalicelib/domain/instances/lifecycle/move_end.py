"""End a move: keep the new EC2 instance or take the former one back, and remove what is no longer needed.

What is no longer needed costs money: gpudesk repeats the deletion until AWS shows nothing of the move.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.deadlines import (
    CALL_RETRY_AFTER,
    IMAGE_RETRY_AFTER,
    MOVE_LEFTOVER_AFTER,
    VISIBILITY_GRACE,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle.notified_facts import is_entry_due, record_once
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, with_phase
from chalicelib.domain.instances.move_state import (
    FormerPlace,
    MoveState,
    MoveStep,
    ObsoleteInstance,
    drop_first_obsolete,
)
from chalicelib.domain.instances.observation import MoveObservation, NotVisible, Unavailable
from chalicelib.domain.instances.plan import Move, MoveCall, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import ObservedSpotRequest


def end_successfully(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Keep the new EC2 instance, which is ready, and terminate the former one."""
    former = move.former
    obsolete = _to_obsolete(former) if former else None
    zone = instance.ec2_instance.zone if instance.ec2_instance else instance.spec.region
    message = (
        f"{instance.name} is moved from {move.source_zone} to {zone} and is ready there as "
        f"{instance.spec.hardware.instance_type}. Its former EC2 instance and the image of its disk are deleted now."
    )
    reason = EventReason(code=EventCode.MOVED, message=message)
    cleaning = replace(move, step=MoveStep.CLEAN_UP, step_since=now, called_at=None, former=None, obsolete=obsolete)
    return replace(record_event(replace(instance, move=cleaning), reason, now), requeue=True)


def fail_move(instance: Instance, cause: str, now: datetime) -> Plan:
    """End a move without success: the record takes its former EC2 instance back, which is stopped as before.

    :param cause: why, in one or more sentences
    """
    move = instance.move
    if move is None:
        raise ValueError(f"{instance.id} does not move")
    former, newer = move.former, instance.ec2_instance if move.former else None
    reason = _build_end_reason(instance, move, cause)
    is_alive = newer is not None and newer.state not in ENDED_STATES
    price = instance.billing.rates.instance
    obsolete = _build_obsolete(move.target.region, newer, price=price) if newer and is_alive else None
    cleaning = replace(move, step=MoveStep.CLEAN_UP, step_since=now, called_at=None, former=None, obsolete=obsolete)
    if former is None:
        failed = replace(instance, move=cleaning, reason=reason)
    else:
        failed = _take_back(replace(instance, move=cleaning), former, reason, now)
    return replace(record_event(failed, reason, now), requeue=True)


def clean_up(instance: Instance, move: MoveState, observed: MoveObservation, now: datetime) -> Plan | None:
    """Terminate the obsolete EC2 instance, its spot request first, then delete the images with their snapshots.

    :returns: None if there is nothing to do now, so that the phase of the instance decides
    """
    if now - move.step_since > MOVE_LEFTOVER_AFTER and is_entry_due(instance, EventCode.MOVE_LEFTOVER, now):
        return _notify_leftover(instance, move, now)
    is_call_due = move.called_at is None or now - move.called_at >= CALL_RETRY_AFTER
    if move.obsolete:
        if isinstance(observed.obsolete_state, Unavailable):
            return None
        if _is_gone(observed.obsolete_state, now - move.step_since):
            return _forget_obsolete(instance, move, move.obsolete)
        if isinstance(observed.obsolete_request, Unavailable):
            return None
        is_requested = _is_requested(move.obsolete, observed.obsolete_request, now - move.step_since)
        call = MoveCall.CANCEL_REQUEST if is_requested else MoveCall.TERMINATE
        return _call(instance, move, call, now) if is_call_due else None
    if isinstance(observed.leftover_count, Unavailable):
        return None
    if observed.leftover_count:
        return _call(instance, move, MoveCall.DELETE_IMAGES, now) if is_call_due else None
    if move.image_called_at and now - move.image_called_at < IMAGE_RETRY_AFTER:
        return None
    message = f"The images of the move of {instance.name} are deleted, and nothing of it is billed any more."
    reason = EventReason(code=EventCode.MOVE_CLEANED_UP, message=message)
    plan = record_event(replace(instance, move=None), reason, now)
    return replace(plan, requeue=True)


def hold_end(before: Instance, plan: Plan, observed: MoveObservation, now: datetime) -> Plan:
    """Keep a record open that would be closed while something of its move is left, which only the record knows.

    An instance that ended at its target is taken back to where it was.

    :param before: the record with what EC2 shows
    :param plan: that of the end
    """
    move = before.move
    if move is None or plan.instance.phase is not Phase.TERMINATED:
        return plan
    if move.step is not MoveStep.CLEAN_UP:
        return fail_move(replace(before, ec2_instance=None) if move.former else before, plan.reason.message, now)
    cleaning = clean_up(before, move, observed, now)
    if cleaning:
        return cleaning
    message = f"{plan.reason.message} gpudesk still deletes what is left of its move."
    return no_op(before, EventCode.TERMINATE_PENDING, message)


def is_termination_requested(instance: Instance) -> bool:
    """Return whether a person requested the termination. gpudesk itself terminates a machine whose agent is silent."""
    return instance.state_request is not None and instance.state_request.state is DesiredState.TERMINATED


def _take_back(instance: Instance, former: FormerPlace, reason: EventReason, now: datetime) -> Instance:
    """Return the record with its former EC2 instance, stopped."""
    newer, launch = instance.ec2_instance, instance.launch
    former_id = former.ec2_instance.instance_id
    ended_ids = tuple(each for each in launch.ended_instance_ids if each != former_id)
    is_ending = is_termination_requested(instance)
    return replace(
        with_phase(instance, Phase.STOPPED, reason, now),
        ec2_instance=former.ec2_instance,
        tagged_id=former.tagged_id,
        launch=replace(
            launch,
            attempt=None,
            retry_at=None,
            ended_instance_ids=(*ended_ids, newer.instance_id) if newer else ended_ids,
        ),
        spec=replace(
            instance.spec,
            desired=DesiredState.TERMINATED if is_ending else DesiredState.STOPPED,
            region=former.region,
            hardware=former.hardware,
            free_disk_gib=former.free_disk_gib,
            has_priced_disks=former.has_priced_disks,
        ),
        setup=replace(former.setup, number=instance.setup.number),
        billing=replace(instance.billing, rates=former.rates),
        claim=None,
        warning=None,
        ready_since=None,
        lifetime=replace(instance.lifetime, started_at=None),
        observed=replace(instance.observed, agent_seen=True, not_visible_since=None, interruption=former.interruption),
    )


def _build_end_reason(instance: Instance, move: MoveState, cause: str) -> EventReason:
    """Return why the move ended. A requested termination is no failure, and its owner knows of it."""
    if is_termination_requested(instance):
        message = f"The move to {move.place} ended, because the termination of {instance.name} was requested."
        return EventReason(code=EventCode.MOVING, message=message)
    message = f"{instance.name} could not be moved to {move.place} and stays where it was. {cause}"
    return EventReason(code=EventCode.MOVE_FAILED, message=message)


def _is_gone(state: Ec2State | None, waited: timedelta) -> bool:
    """Return whether an EC2 instance has ended. One that was just launched may not be visible yet."""
    return waited > VISIBILITY_GRACE if state is None else state in ENDED_STATES


def _is_requested(obsolete: ObsoleteInstance, request: ObservedSpotRequest | NotVisible, waited: timedelta) -> bool:
    """Return whether EC2 would launch an instance again after the termination. A new request may not be visible."""
    if isinstance(request, ObservedSpotRequest):
        return request.is_live
    return obsolete.spot_instance_request_id is not None and waited <= VISIBILITY_GRACE


def _to_obsolete(former: FormerPlace) -> ObsoleteInstance:
    return _build_obsolete(former.region, former.ec2_instance, former.rates.disk or Decimal(0))


def _build_obsolete(
    region: str, ec2_instance: Ec2Instance, disk_rate: Decimal = Decimal(0), price: Decimal | None = None
) -> ObsoleteInstance:
    return ObsoleteInstance(
        region=region,
        instance_id=ec2_instance.instance_id,
        disk_rate=disk_rate,
        price=price,
        spot_instance_request_id=ec2_instance.spot_instance_request_id,
    )


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


def _call(instance: Instance, move: MoveState, call: MoveCall, now: datetime) -> Plan:
    message = f"Calling EC2 after the move of {instance.name}: {call}."
    return Plan(
        instance=replace(instance, move=replace(move, called_at=now)),
        reason=EventReason(code=EventCode.MOVING, message=message),
        step=Move(move.id, call),
    )


def _notify_leftover(instance: Instance, move: MoveState, now: datetime) -> Plan:
    message = (
        f"The move of {instance.name} ended {format_duration(now - move.step_since)} ago. {_describe_leftover(move)} "
        f"gpudesk tries to delete it every {format_duration(CALL_RETRY_AFTER)}. An admin "
        "should look for the cause in the EC2 console."
    )
    reason = EventReason(code=EventCode.MOVE_LEFTOVER, message=message)
    return record_once(instance, EventCode.MOVE_LEFTOVER, reason, now)


def _describe_leftover(move: MoveState) -> str:
    """Return what AWS still bills, as a sentence."""
    obsolete = move.obsolete
    if obsolete is None:
        return f"AWS still has and bills an image of its disk (tag gpudesk:move={move.id})."
    running = f" ({format_usd(obsolete.price)} per hour while it runs)" if obsolete.price is not None else ""
    return f"AWS still has and bills the EC2 instance {obsolete.instance_id} in {obsolete.region}{running}."
