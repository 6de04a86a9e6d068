"""End a move: keep the new EC2 instance, or take the former one back."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2Instance, EndCause
from chalicelib.domain.instances.lifecycle.former_place import restore_former_place
from chalicelib.domain.instances.lifecycle.move_clean_up import clean_up
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.move_state import MoveState, MoveStep, ObsoleteInstance
from chalicelib.domain.instances.observation import MoveObservation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import STOPPED_PHASES, Instance, Phase

NOT_READY_PHASES = (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING, Phase.TERMINATED)
"""Phases from which an instance at the target of its move does not become ready."""


def end_successfully(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Keep the new EC2 instance, which is ready, and terminate the former one."""
    former, obsolete = move.former, None
    if former:
        obsolete = _build_obsolete(former.region, former.ec2_instance, price=former.rates.instance)
        disk_rate, started_at = former.rates.disk or Decimal(0), former.ec2_instance.launched_at
        obsolete = replace(obsolete, disk_rate=disk_rate, stopped_after=started_at)
    zone = instance.ec2_instance.zone if instance.ec2_instance else instance.spec.region
    is_ready = "is ready" if instance.phase is Phase.READY else "was ready"
    message = (
        f"{instance.name} is moved from {move.source_zone} to {zone} and {is_ready} there as "
        f"{instance.spec.hardware.instance_type}. Its former EC2 instance and the image of its disk are deleted now."
    )
    reason = EventReason(code=EventCode.MOVED, message=message)
    moved = replace(instance, move=_begin_clean_up(move, obsolete, now))
    return replace(record_event(moved, reason, now), requeue=True)


def fail_move(instance: Instance, cause: str, now: datetime, *, is_started: bool = False) -> Plan:
    """End a move without success: the record takes its former EC2 instance back, which is stopped as before.

    A requested termination is no failure, and its owner knows of it.

    :param cause: why, in one or more sentences
    :param is_started: somebody or EC2 has started the EC2 instance that stays
    """
    move, name = _require_move(instance), instance.name
    if instance.is_termination_requested:
        message = f"The move to {move.place} ended, because the termination of {name} was requested."
        return _end_without_success(instance, move, EventReason(code=EventCode.MOVING, message=message), now)
    is_deleted = _has_lost_disk(instance, move)
    place = f"{'is in' if is_started else 'stays stopped in'} {move.source_zone}"
    outcome = "." if is_deleted else f" and {place}, as before."
    message = f"{name} could not be moved to {move.place}{outcome} {cause}"
    return _end_without_success(instance, move, EventReason(code=EventCode.MOVE_FAILED, message=message), now)


def cancel_move(instance: Instance, cause: str, now: datetime) -> Plan:
    """End a move because a person wanted that: the record keeps its former EC2 instance, or takes it back.

    :param cause: who did what, as a sentence
    """
    move = _require_move(instance)
    outcome = "" if _has_lost_disk(instance, move) else f" and stays in {move.source_zone}"
    message = f"{instance.name} is not moved to {move.place}{outcome}. {cause}"
    return _end_without_success(instance, move, EventReason(code=EventCode.MOVE_CANCELLED, message=message), now)


def restore_or_keep_open(before: Instance, plan: Plan, observed: MoveObservation, now: datetime) -> Plan:
    """Keep a record open that would be closed while something of its move is left, which only the record knows.

    An instance that ended at its target, or was stopped before it was ready there, is taken back to where it was. One
    that was stopped after it was ready there has moved, and stays there with its disk.

    :param before: the record with what EC2 shows
    :param plan: what follows from that
    """
    move, phase = before.move, plan.instance.phase
    if move is None or phase not in NOT_READY_PHASES:
        return plan
    if before.has_moved and phase in STOPPED_PHASES:
        return end_successfully(before, move, now)
    if move.former:
        ended, cause = before.ec2_instance, _describe_end_at_target(before.ec2_instance, plan)
        is_gone = ended is None or (phase is Phase.TERMINATED and ended.state not in ENDED_STATES)
        failed = fail_move(replace(before, ec2_instance=None) if is_gone else before, cause, now)
        # EC2 would launch another instance for the spot request of one that has ended.
        return replace(failed, step=plan.step)
    if phase is not Phase.TERMINATED:
        return plan
    if move.step is not MoveStep.CLEAN_UP:
        return fail_move(before, plan.reason.message, now)
    cleaning = clean_up(before, move, observed, now)
    if cleaning:
        return cleaning
    message = f"{plan.reason.message} gpudesk still deletes what is left of its move."
    return no_op(before, EventCode.TERMINATE_PENDING, message)


def fail_stopped_move(before: Instance, plan: Plan, mode: Mode, now: datetime) -> Plan:
    """Take an instance back to where it was that gpudesk would stop or terminate at its target.

    :param plan: what the phase of the instance requires
    """
    is_ending = mode is Mode.ENFORCE and before.is_launching_for_move and plan.instance.phase in NOT_READY_PHASES
    return fail_move(before, plan.reason.message, now) if is_ending else plan


def _require_move(instance: Instance) -> MoveState:
    if instance.move is None:
        raise ValueError(f"{instance.id} does not move")
    return instance.move


def _end_without_success(instance: Instance, move: MoveState, reason: EventReason, now: datetime) -> Plan:
    former, newer = move.former, instance.ec2_instance if move.former else None
    is_alive = newer is not None and newer.state not in ENDED_STATES
    price = instance.billing.rates.instance
    obsolete = _build_obsolete(move.target.region, newer, price=price) if newer and is_alive else None
    cleaning = replace(_begin_clean_up(move, obsolete, now), is_failed=True)
    if former is None:
        # The reason of one that was started is about its present state.
        kept = reason if instance.phase is Phase.STOPPED else instance.reason
        ended = replace(instance, move=cleaning, reason=kept)
    else:
        ended = restore_former_place(replace(instance, move=cleaning), former, reason, now)
    return replace(record_event(ended, reason, now), requeue=True)


def _has_lost_disk(instance: Instance, move: MoveState) -> bool:
    """Return whether the EC2 instance that the record has before its launch at the target is terminated."""
    is_ended = instance.ec2_instance is not None and instance.ec2_instance.state in ENDED_STATES
    return move.is_source_lost or (move.former is None and is_ended)


def _describe_end_at_target(ended: Ec2Instance | None, plan: Plan) -> str:
    """Return what happened to the EC2 instance at the target, as sentences."""
    if ended is None:
        return plan.reason.message
    if ended.state_reason is not None and ended.state_reason.cause is EndCause.SPOT:
        return f"EC2 interrupted its new spot instance there.{ended.reason_text}"
    if ended.state in ENDED_STATES:
        return f"Its new EC2 instance was terminated outside gpudesk.{ended.reason_text}"
    if plan.instance.phase is Phase.TERMINATED:
        return "EC2 no longer shows its new EC2 instance."
    return f"Its new EC2 instance was stopped outside gpudesk.{ended.reason_text}"


def _begin_clean_up(move: MoveState, obsolete: ObsoleteInstance | None, now: datetime) -> MoveState:
    return replace(move, step=MoveStep.CLEAN_UP, step_since=now, called_at=None, former=None, obsolete=obsolete)


def _build_obsolete(region: str, ec2_instance: Ec2Instance, *, price: Decimal | None) -> ObsoleteInstance:
    return ObsoleteInstance(
        region=region,
        instance_id=ec2_instance.instance_id,
        price=price,
        spot_instance_request_id=ec2_instance.spot_instance_request_id,
    )
