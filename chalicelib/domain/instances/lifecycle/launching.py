"""From a request to an EC2 instance."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.common.deadlines import (
    CAPACITY_RETRY,
    COMMAND_RESEND_AFTER,
    LAUNCH_DEADLINE,
    LAUNCH_VISIBILITY_DEADLINE,
)
from chalicelib.domain.common.errors import AwsError, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration, format_time, to_sentence
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, to_terminated, with_phase
from chalicelib.domain.instances.plan import Launch, LaunchResolved, Plan, ResolveLaunch
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

RETRY = timedelta(seconds=20)


def decide(instance: Instance, now: datetime) -> Plan:
    """What follows while there is no machine yet.

    Every call is preceded by a guarded write (`retry_at`), so that of two looks at once one makes it.
    """
    if instance.spec.desired is not DesiredState.RUNNING:
        return _cancelled(instance, now)
    if instance.phase is Phase.REQUESTED:
        reason = EventReason(code=EventCode.LAUNCHING, message="looking up image, subnet and zone")
        instance = with_phase(instance, Phase.LAUNCHING, reason, now)
    if instance.launch.retry_at and now < instance.launch.retry_at:
        return no_op(
            instance, EventCode.WAITING_TO_RETRY, f"asking AWS again at {format_time(instance.launch.retry_at)}"
        )
    overdue = _timed_out(instance, now)
    if overdue:
        return overdue
    attempt = instance.launch.attempt
    asking = replace(instance, launch=replace(instance.launch, retry_at=now + COMMAND_RESEND_AFTER))
    if attempt is None:
        reason = EventReason(code=EventCode.RESOLVING, message="looking up image, subnet and zone")
        return Plan(instance=asking, reason=reason, step=ResolveLaunch(instance.launch.zones_without_capacity))
    sending = attempt if attempt.sent_at else replace(attempt, sent_at=now)
    return Plan(
        instance=replace(asking, launch=replace(asking.launch, attempt=sending)),
        reason=EventReason(
            code=EventCode.LAUNCHING, message=f"asking EC2 for a {attempt.instance_type} in {attempt.zone}"
        ),
        step=Launch(sending),
    )


def record_resolved_launch(instance: Instance, outcome: LaunchResolved, now: datetime) -> Plan:
    """The request is complete: frozen before it is sent. The disk is as large as the image makes it."""
    attempt, spec = outcome.attempt, instance.spec
    reason = EventReason(code=EventCode.LAUNCHING, message=f"launching a {attempt.instance_type} in {attempt.zone}")
    disk_rate = instance.billing.rates.disk * attempt.disk_gib / spec.disk_gib
    return Plan(
        instance=replace(
            instance,
            reason=reason,
            spec=replace(spec, disk_gib=attempt.disk_gib),
            launch=replace(instance.launch, attempt=attempt, attempt_count=attempt.number, retry_at=None),
            billing=replace(instance.billing, rates=replace(instance.billing.rates, disk=disk_rate)),
        ),
        reason=reason,
        timeline=(timeline_entry(now, reason, details={"image_id": attempt.image_id, "zone": attempt.zone}),),
        requeue=True,
    )


def record_launch_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """AWS did not launch it, or we do not know."""
    attempt = instance.launch.attempt
    match error:
        case InsufficientCapacity() if attempt is not None:
            zones = (*instance.launch.zones_without_capacity, attempt.zone)
            reason = EventReason(
                code=EventCode.ZONE_NO_CAPACITY,
                message=f"{attempt.zone}: {error.message} ({error.code}); trying another zone",
            )
            tried = replace(
                instance, launch=replace(instance.launch, attempt=None, zones_without_capacity=zones, retry_at=None)
            )
            return replace(record_event(tried, reason, now, zone=attempt.zone), requeue=True)
        case InsufficientCapacity():
            reason = EventReason(
                code=EventCode.NO_CAPACITY_YET, message=f"no zone of {instance.spec.region} has one now; trying again"
            )
            later = replace(
                instance,
                reason=reason,
                launch=replace(instance.launch, zones_without_capacity=(), retry_at=now + CAPACITY_RETRY),
            )
            return (
                record_event(later, reason, now) if instance.reason != reason else Plan(instance=later, reason=reason)
            )
        case QuotaExceeded():
            message = (
                f"{instance.name} could not be launched: the quota of the AWS account is exceeded. "
                f"{to_sentence(error.description)} Ask an admin to request an increase in Service Quotas, "
                "or launch a smaller or another type."
            )
            return to_failed(
                replace(instance, launch=replace(instance.launch, attempt=None)), EventCode.QUOTA_EXCEEDED, message, now
            )
        case PermanentAwsError():
            message = (
                f"{instance.name} could not be launched. {to_sentence(error.description)} Nothing was "
                "launched. Change the request or ask an admin, then launch again."
            )
            return to_failed(
                replace(instance, launch=replace(instance.launch, attempt=None)), EventCode.LAUNCH_REFUSED, message, now
            )
        case _:
            reason = EventReason(
                code=EventCode.RETRYING,
                message=f"AWS did not give a definite answer ({error.code}); the same request again",
            )
            return Plan(
                instance=replace(instance, reason=reason, launch=replace(instance.launch, retry_at=now + RETRY)),
                reason=reason,
            )


def to_failed(instance: Instance, code: EventCode, message: str, now: datetime) -> Plan:
    """The launch is over, and nothing runs."""
    reason = EventReason(code=code, message=message)
    return record_event(with_phase(instance, Phase.FAILED, reason, now), reason, now)


def _timed_out(instance: Instance, now: datetime) -> Plan | None:
    """A request that was sent is certain only when its instance would have shown itself."""
    is_sent = instance.launch.attempt is not None and instance.launch.attempt.sent_at is not None
    limit = LAUNCH_DEADLINE + LAUNCH_VISIBILITY_DEADLINE if is_sent else LAUNCH_DEADLINE
    if now - instance.phase_since <= limit:
        return None
    kind, region = instance.spec.hardware.instance_type, instance.spec.region
    why = (
        f"AWS did not respond to the launch of a {kind} in {region}, and EC2 shows no instance. Launch it again later."
        if is_sent
        else f"AWS has had no capacity for a {kind} in {region} for {format_duration(LAUNCH_DEADLINE)}. Launch "
        "another type, in another region, or later."
    )
    message = f"{instance.name} could not be launched: {why}"
    return to_failed(
        replace(instance, launch=replace(instance.launch, attempt=None)),
        EventCode.NO_ANSWER if is_sent else EventCode.NO_CAPACITY,
        message,
        now,
    )


def _cancelled(instance: Instance, now: datetime) -> Plan:
    sent_at = instance.launch.attempt.sent_at if instance.launch.attempt else None
    if sent_at is not None and now - sent_at < LAUNCH_VISIBILITY_DEADLINE:
        return no_op(
            instance,
            EventCode.CANCEL_PENDING,
            "cancelled; EC2 may still show the instance of a launch that was under way",
        )
    return to_terminated(
        instance, EventReason(code=EventCode.CANCELLED, message="cancelled before anything was launched"), now
    )
