"""Keep an instance running until a time. A keep always ends. It is requested over HTTP or on the instance itself."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_date_time, format_timestamp, pluralize
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.commands.change import (
    RecordChange,
    describe_state,
    is_waiting_for_quota,
    require_not_ending,
)
from chalicelib.domain.instances.lifecycle.notified_facts import KEPT_FACTS, forget_facts
from chalicelib.domain.instances.lifecycle.stop_warnings import build_cancellation_reason
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType

MIN_KEEP = timedelta(minutes=1)
"""The interval of the sweep: a shorter keep has no effect."""

INSTANCE_USER = "somebody on the instance"
"""The requester of a keep on the instance. gpudesk cannot know who it was: root on an instance can write any name."""


def request_keep(instance: Instance, until: datetime, actor: Actor, limits: Limits, now: datetime) -> RecordChange:
    """Keep an instance running: gpudesk does not stop it before, and its lifetime lasts at least as long.

    A shorter keep does not replace a longer one. To end a keep earlier, stop the instance.

    :raises Conflict: the instance does not run, or its stop was requested
    :raises ValidationFailed: `until` has passed or is later than the limit allows
    """
    _require_can_keep(instance)
    latest = now + timedelta(hours=limits.keep_hours)
    if not now + MIN_KEEP <= until <= latest:
        message = (
            f"must be at least 1 minute and at most {pluralize(limits.keep_hours, 'hour')} from now (until "
            f"{format_timestamp(latest)})"
        )
        raise ValidationFailed(f"The end of the keep {message}.", errors=(FieldError("until", message),))
    if instance.lifetime.keep_until and until <= instance.lifetime.keep_until:
        return RecordChange(instance)
    return RecordChange(*grant_keep(instance, until, actor.name, now))


def process_keep_request(instance: Instance, request: KeepRequest, limits: Limits, now: datetime) -> Plan:
    """Grant or refuse a keep that was requested on the instance. Each request gets one result.

    Such a keep never ends later than `max_hours` after the start: an instance must not move its own limit. The message
    of the result is a clause of at most 60 characters: `gpudesk-keep` prints it after "Granted:" or "Refused:".
    """
    until = now + timedelta(hours=min(request.hours, limits.keep_hours))
    if instance.lifetime.started_at:
        until = min(until, instance.lifetime.started_at + timedelta(hours=instance.spec.policy.max_hours))
    if until <= now:
        return _refuse_keep(instance, request, now)
    kept_until = instance.lifetime.keep_until
    if kept_until and until <= kept_until:
        end = format_date_time(kept_until)
        result = KeepResult(id=request.id, granted=True, message=f"already kept until {end}")
        reason = EventReason(code=EventCode.KEEP_ACTIVE, message=f"{instance.name} is already kept until {end}.")
        return Plan(instance=replace(instance, keep_result=result), reason=reason, requeue=True)
    changed, entries = grant_keep(instance, until, INSTANCE_USER, now)
    result = KeepResult(id=request.id, granted=True, message=f"kept until {format_date_time(until)}")
    reason = EventReason(code=EventCode.KEEP_GRANTED, message=entries[0].message)
    return Plan(instance=replace(changed, keep_result=result), reason=reason, timeline=entries, requeue=True)


def grant_keep(
    instance: Instance, until: datetime, requested_by: str, now: datetime
) -> tuple[Instance, tuple[TimelineEntry, ...]]:
    """Return the record with a keep, without the stop warning that the keep replaces, and the timeline entries.

    :param until: the granted end, within all limits
    """
    person = "Somebody on the instance" if requested_by == INSTANCE_USER else requested_by
    reason = EventReason(
        code=EventCode.KEEP_GRANTED, message=f"{person} kept {instance.name} until {format_date_time(until)}."
    )
    entries = [timeline_entry(now, reason, actor=requested_by, details={"until": format_timestamp(until)})]
    lifetime = replace(instance.lifetime, keep_until=until, keep_requested_by=requested_by)
    changed = replace(forget_facts(instance, *KEPT_FACTS), lifetime=lifetime)
    warning = instance.warning
    if warning and (until > warning.stop_at or warning.warning_type is WarningType.IDLE):
        changed = replace(changed, warning=None)
        cause = f"It is kept until {format_date_time(until)}, requested by {requested_by}."
        entries.append(timeline_entry(now, build_cancellation_reason(instance, cause)))
    return changed, tuple(entries)


def build_keep_reason(instance: Instance) -> Reason:
    """Return until when an instance is kept, and who requested that.

    :raises ValueError: it is not kept
    """
    if instance.lifetime.keep_until is None:
        raise ValueError(f"{instance.id} is not kept")
    message = (
        f"{instance.name} is kept until {format_date_time(instance.lifetime.keep_until)}, requested by "
        f"{instance.lifetime.keep_requested_by}."
    )
    return EventReason(code=EventCode.KEEP_GRANTED, message=message)


def _require_can_keep(instance: Instance) -> None:
    """Check that an instance runs or is being launched, and that nobody requested its end.

    :raises Conflict: with the reason, and what to do
    """
    name = instance.name
    require_not_ending(instance, "be kept")
    if instance.is_disk_moving:
        message = f"{name} {describe_state(instance)}, so it cannot be kept running. Keep it when it is ready."
        raise Conflict(message, code=ErrorCode.MOVE_IN_PROGRESS)
    if instance.phase is Phase.STOPPED:
        raise Conflict(
            f"{name} is stopped, so it cannot be kept running. To start it, send POST /instances/{name}/start.",
            code=ErrorCode.NOT_RUNNING,
        )
    if is_waiting_for_quota(instance):
        message = f"{name} waits for a larger quota, so nothing runs that could be kept. Keep it when it is launched."
        raise Conflict(message, code=ErrorCode.NOT_RUNNING)
    if instance.has_launch_failed:
        raise Conflict(
            f"There is nothing to keep. {instance.reason.message} Launch another instance.",
            code=ErrorCode.INSTANCE_FAILED,
        )
    if instance.phase is Phase.STOPPING:
        raise Conflict(
            f"{name} is already being stopped, so it cannot be kept. {instance.reason.message} To start "
            f"it again, send POST /instances/{name}/start.",
            code=ErrorCode.STOP_ALREADY_STARTED,
        )
    if instance.spec.desired is DesiredState.STOPPED:
        raise Conflict(
            f"A stop of {name} was requested, so it cannot be kept. To cancel the stop, send POST "
            f"/instances/{name}/start.",
            code=ErrorCode.STOP_ALREADY_STARTED,
        )


def _refuse_keep(instance: Instance, request: KeepRequest, now: datetime) -> Plan:
    cause = f"the maximum lifetime of {pluralize(instance.spec.policy.max_hours, 'hour')} is over"
    message = (
        f"A keep of {instance.name} that was requested on the instance is refused: {cause}. To keep the instance "
        f"running, request the keep from gpudesk (POST /instances/{instance.name}/keep)."
    )
    reason = EventReason(code=EventCode.KEEP_REFUSED, message=message)
    result = KeepResult(id=request.id, granted=False, message=cause)
    entry = timeline_entry(now, reason, actor=INSTANCE_USER)
    return Plan(instance=replace(instance, keep_result=result), reason=reason, timeline=(entry,), requeue=True)
