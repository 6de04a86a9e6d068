"""End a move: keep the new EC2 instance, or take the former one back."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2Instance
from chalicelib.domain.instances.lifecycle.former_place import take_back
from chalicelib.domain.instances.lifecycle.move_clean_up import clean_up
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.move_state import MoveState, MoveStep, ObsoleteInstance
from chalicelib.domain.instances.observation import MoveObservation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase


def end_successfully(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Keep the new EC2 instance, which is ready, and terminate the former one."""
    former, obsolete = move.former, None
    if former:
        obsolete = _build_obsolete(former.region, former.ec2_instance, disk_rate=former.rates.disk or Decimal(0))
    zone = instance.ec2_instance.zone if instance.ec2_instance else instance.spec.region
    message = (
        f"{instance.name} is moved from {move.source_zone} to {zone} and is ready there as "
        f"{instance.spec.hardware.instance_type}. Its former EC2 instance and the image of its disk are deleted now."
    )
    reason = EventReason(code=EventCode.MOVED, message=message)
    moved = replace(instance, move=_begin_clean_up(move, obsolete, now))
    return replace(record_event(moved, reason, now), requeue=True)


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
    cleaning = _begin_clean_up(move, obsolete, now)
    if former is None:
        failed = replace(instance, move=cleaning, reason=reason)
    else:
        failed = take_back(replace(instance, move=cleaning), former, reason, now)
    return replace(record_event(failed, reason, now), requeue=True)


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


def _build_end_reason(instance: Instance, move: MoveState, cause: str) -> EventReason:
    """Return why the move ended. A requested termination is no failure, and its owner knows of it."""
    if instance.is_termination_requested:
        message = f"The move to {move.place} ended, because the termination of {instance.name} was requested."
        return EventReason(code=EventCode.MOVING, message=message)
    message = f"{instance.name} could not be moved to {move.place} and stays where it was. {cause}"
    return EventReason(code=EventCode.MOVE_FAILED, message=message)


def _begin_clean_up(move: MoveState, obsolete: ObsoleteInstance | None, now: datetime) -> MoveState:
    return replace(move, step=MoveStep.CLEAN_UP, step_since=now, called_at=None, former=None, obsolete=obsolete)


def _build_obsolete(
    region: str, ec2_instance: Ec2Instance, *, disk_rate: Decimal = Decimal(0), price: Decimal | None = None
) -> ObsoleteInstance:
    return ObsoleteInstance(
        region=region,
        instance_id=ec2_instance.instance_id,
        disk_rate=disk_rate,
        price=price,
        spot_instance_request_id=ec2_instance.spot_instance_request_id,
    )
