"""A keep: a lease that always ends. Granted to a person who asks the desk, or to the machine that passes a wish on."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_date_time, format_timestamp
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.commands.change import RecordChange, require_not_ending
from chalicelib.domain.instances.lifecycle.plans import warning_cancelled
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType

MIN_KEEP = timedelta(minutes=1)
"""The sweep's own step: what is shorter keeps nothing."""


MACHINE_USER = "somebody on the machine"
"""Who asked for a keep there: the desk cannot know, whoever is root there can say anything."""


def grant_keep(
    instance: Instance, until: datetime, who: str, now: datetime
) -> tuple[Instance, tuple[TimelineEntry, ...]]:
    """The lease, and the end of a warning that it overtakes.

    :param until: as far as it was granted
    """
    reason = EventReason(code=EventCode.KEEP_GRANTED, message=f"{who} kept it until {format_date_time(until)}")
    entries = [timeline_entry(now, reason, actor=who, details={"until": until.isoformat()})]
    warned = instance.warning
    leased = replace(
        instance, notified=None, lifetime=replace(instance.lifetime, keep_until=until, keep_requested_by=who)
    )
    if warned and (until > warned.stop_at or warned.warning_type is WarningType.IDLE):
        leased = replace(leased, warning=None)
        entries.append(
            timeline_entry(now, warning_cancelled(instance, f"{who} kept it until {format_date_time(until)}"))
        )
    return leased, tuple(entries)


def keep_reason(instance: Instance) -> Reason:
    """Return until when an instance is kept, and who requested that.

    :raises ValueError: it is not kept
    """
    if instance.lifetime.keep_until is None:
        raise ValueError(f"{instance.id} is not kept")
    until = f"{format_date_time(instance.lifetime.keep_until)}"
    return EventReason(
        code=EventCode.KEEP_GRANTED,
        message=f"{instance.name} is kept until {until}, requested by {instance.lifetime.keep_requested_by}.",
    )


def process_keep_request(instance: Instance, wish: KeepRequest, limits: Limits, now: datetime) -> Plan:
    """What becomes of a keep that was asked for on the machine; each is answered once.

    It never reaches beyond `max_hours`: what a machine says must not move what bounds it.
    """
    until = now + timedelta(hours=min(wish.hours, limits.keep_hours))
    if instance.lifetime.started_at:
        until = min(until, instance.lifetime.started_at + timedelta(hours=instance.spec.policy.max_hours))
    if until <= now:
        return _refused(instance, wish, "its maximum hours are over", now)
    if instance.lifetime.keep_until and until <= instance.lifetime.keep_until:
        kept_longer = f"it is kept until {format_date_time(instance.lifetime.keep_until)} already"
        answer = KeepResult(id=wish.id, granted=True, message=kept_longer)
        reason = EventReason(code=EventCode.KEEP_ACTIVE, message=kept_longer)
        return Plan(instance=replace(instance, keep_result=answer), reason=reason, requeue=True)
    leased, entries = grant_keep(instance, until, MACHINE_USER, now)
    answer = KeepResult(id=wish.id, granted=True, message=f"kept until {format_date_time(until)}")
    reason = EventReason(code=EventCode.KEEP_GRANTED, message=entries[0].message)
    return Plan(instance=replace(leased, keep_result=answer), reason=reason, timeline=entries, requeue=True)


def _refused(instance: Instance, wish: KeepRequest, why: str, now: datetime) -> Plan:
    reason = EventReason(code=EventCode.KEEP_REFUSED, message=f"a keep that {MACHINE_USER} asked for is refused: {why}")
    answer = KeepResult(id=wish.id, granted=False, message=why)
    line = timeline_entry(now, reason, actor=MACHINE_USER)
    return Plan(instance=replace(instance, keep_result=answer), reason=reason, timeline=(line,), requeue=True)


def request_keep(
    instance: Instance, until: datetime, actor: Actor, limits: Limits, now: datetime, field: str = "until"
) -> RecordChange:
    """A lease that always ends. It wins over every stop that has not been claimed yet, and moves the lifetime.

    One that was accepted is not shortened by another: whoever wants it to end sooner stops the instance.

    :param field: what the request called it, `hours` or `until`
    :raises Conflict: the stop is claimed, or it does not run
    :raises Invalid: `until` has passed or is further away than allowed
    """
    require_not_ending(instance, "be kept")
    if instance.phase is Phase.STOPPED:
        raise Conflict(
            f"{instance.name} is stopped: there is nothing to keep running. POST /instances/{instance.name}/start "
            "starts it again",
            code=ErrorCode.NOT_RUNNING,
        )
    if instance.phase is Phase.STOPPING or instance.spec.desired is DesiredState.STOPPED:
        raise Conflict(
            f"the keep came too late: {instance.name} is being stopped ({instance.reason.message}). "
            f"POST /instances/{instance.name}/start starts it again",
            code=ErrorCode.STOP_ALREADY_STARTED,
        )
    furthest = now + timedelta(hours=limits.keep_hours)
    if not now + MIN_KEEP <= until <= furthest:
        right = (
            f"must be in the future (a minute or more) and at most {limits.keep_hours} hours away "
            f"({format_timestamp(furthest)})"
        )
        raise ValidationFailed(f"a keep {right}", errors=(FieldError(field, right),))
    if instance.lifetime.keep_until and until <= instance.lifetime.keep_until:
        return RecordChange(instance)
    return RecordChange(*grant_keep(instance, until, actor.name, now))
