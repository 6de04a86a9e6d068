"""Launch an EC2 instance for a record: resolve the request, call RunInstances, retry or fail."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.common.deadlines import (
    CAPACITY_RETRY,
    COMMAND_RESEND_AFTER,
    LAUNCH_DEADLINE,
    LAUNCH_VISIBILITY_DEADLINE,
)
from chalicelib.domain.common.errors import (
    AwsError,
    InsufficientCapacity,
    PermanentAwsError,
    PrerequisiteMissing,
    QuotaExceeded,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, to_terminated, with_phase
from chalicelib.domain.instances.plan import Launch, LaunchResolved, Plan, ResolveLaunch
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

LAUNCH_RETRY_AFTER = timedelta(seconds=20)
"""Wait before the same request is sent again, after an error that can pass."""


def decide(instance: Instance, now: datetime) -> Plan:
    """Decide what follows while there is no EC2 instance yet.

    A guarded write of `retry_at` precedes every call, so that of two decisions at the same time only one calls.
    """
    name, launch = instance.name, instance.launch
    if instance.spec.desired is not DesiredState.RUNNING:
        return _cancel(instance, now)
    resolving = f"Looking up the image, the subnet and the zone for {name}."
    if instance.phase is Phase.REQUESTED:
        reason = EventReason(code=EventCode.LAUNCHING, message=resolving)
        instance = with_phase(instance, Phase.LAUNCHING, reason, now)
    if launch.retry_at and now < launch.retry_at:
        message = f"gpudesk calls AWS again for {name} at {launch.retry_at:%H:%M:%S} UTC."
        return no_op(instance, EventCode.WAITING_TO_RETRY, message)
    timeout = _time_out(instance, now)
    if timeout:
        return timeout
    launch = replace(launch, retry_at=now + COMMAND_RESEND_AFTER)
    attempt = launch.attempt
    if attempt is None:
        return Plan(
            instance=replace(instance, launch=launch),
            reason=EventReason(code=EventCode.RESOLVING, message=resolving),
            step=ResolveLaunch(launch.zones_without_capacity),
        )
    sent = attempt if attempt.sent_at else replace(attempt, sent_at=now)
    message = f"Calling EC2 to launch {name} as {attempt.instance_type} in {attempt.zone}."
    return Plan(
        instance=replace(instance, launch=replace(launch, attempt=sent)),
        reason=EventReason(code=EventCode.LAUNCHING, message=message),
        step=Launch(sent),
    )


def record_resolved_launch(instance: Instance, outcome: LaunchResolved, now: datetime) -> Plan:
    """Store the complete request before it is sent. The image determines the size of the disk, and so its price."""
    attempt, spec = outcome.attempt, instance.spec
    message = f"Launching {instance.name} as {attempt.instance_type} in {attempt.zone}."
    reason = EventReason(code=EventCode.LAUNCHING, message=message)
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
    """Record that AWS did not launch the instance, or that it is not known whether it did."""
    match error:
        case InsufficientCapacity():
            return _retry_without_capacity(instance, error, now)
        case QuotaExceeded():
            cause = (
                f"The quota of the AWS account is exceeded. {error.description} Ask an admin to request an increase in "
                "Service Quotas, or launch a smaller or another type."
            )
            return _fail_launch(instance, EventCode.QUOTA_EXCEEDED, cause, now)
        case PermanentAwsError():
            cause = f"{error.description} Nothing was launched. Change the request or ask an admin, then launch again."
            rejected_by = "gpudesk" if isinstance(error, PrerequisiteMissing) else "AWS"
            return _fail_launch(instance, EventCode.LAUNCH_REFUSED, cause, now, rejected_by=rejected_by)
        case _:
            message = (
                f"AWS gave no definite response to the launch of {instance.name} ({error.code}). gpudesk sends the "
                "same request again."
            )
            reason = EventReason(code=EventCode.RETRYING, message=message)
            launch = replace(instance.launch, retry_at=now + LAUNCH_RETRY_AFTER)
            return Plan(instance=replace(instance, reason=reason, launch=launch), reason=reason)


def _retry_without_capacity(instance: Instance, error: InsufficientCapacity, now: datetime) -> Plan:
    """Try another zone at once, or all zones again after `CAPACITY_RETRY` if none has capacity."""
    attempt, launch = instance.launch.attempt, instance.launch
    if attempt is not None:
        message = f"{attempt.zone} has no capacity for {instance.name}. {error.description} gpudesk tries another zone."
        zones = (*launch.zones_without_capacity, attempt.zone)
        launch = replace(launch, attempt=None, zones_without_capacity=zones, retry_at=None)
        reason = EventReason(code=EventCode.ZONE_NO_CAPACITY, message=message)
        plan = record_event(replace(instance, launch=launch), reason, now, zone=attempt.zone)
        return replace(plan, requeue=True)
    message = f"No zone of {instance.spec.region} has capacity for {instance.name} now. gpudesk tries again."
    reason = EventReason(code=EventCode.NO_CAPACITY_YET, message=message)
    launch = replace(launch, zones_without_capacity=(), retry_at=now + CAPACITY_RETRY)
    later = replace(instance, reason=reason, launch=launch)
    return record_event(later, reason, now) if instance.reason != reason else Plan(instance=later, reason=reason)


def _time_out(instance: Instance, now: datetime) -> Plan | None:
    """Fail a launch that takes too long.

    A request that was sent counts as lost only when its instance would be visible in EC2.

    :returns: None if there is time left
    """
    is_sent = instance.launch.attempt is not None and instance.launch.attempt.sent_at is not None
    limit = LAUNCH_DEADLINE + LAUNCH_VISIBILITY_DEADLINE if is_sent else LAUNCH_DEADLINE
    if now - instance.phase_since <= limit:
        return None
    instance_type, region = instance.spec.hardware.instance_type, instance.spec.region
    if is_sent:
        cause = (
            f"AWS did not respond to the launch of a {instance_type} in {region}, and EC2 shows no instance. Launch it "
            "again later."
        )
        return _fail_launch(instance, EventCode.NO_ANSWER, cause, now)
    cause = (
        f"AWS has had no capacity for a {instance_type} in {region} for {format_duration(LAUNCH_DEADLINE)}. Launch "
        "another type, in another region, or later."
    )
    return _fail_launch(instance, EventCode.NO_CAPACITY, cause, now)


def _fail_launch(instance: Instance, code: EventCode, cause: str, now: datetime, **details: str) -> Plan:
    """End the launch. No EC2 instance runs.

    :param cause: why, and what to do, in sentences
    """
    reason = EventReason(code=code, message=f"{instance.name} could not be launched. {cause}")
    failed = replace(instance, launch=replace(instance.launch, attempt=None))
    return record_event(with_phase(failed, Phase.FAILED, reason, now), reason, now, **details)


def _cancel(instance: Instance, now: datetime) -> Plan:
    """Close the record, unless EC2 may still show the instance of a request that was sent."""
    sent_at = instance.launch.attempt.sent_at if instance.launch.attempt else None
    if sent_at is not None and now - sent_at < LAUNCH_VISIBILITY_DEADLINE:
        message = (
            f"The launch of {instance.name} is cancelled. The request was sent, so gpudesk waits whether EC2 shows an "
            "instance."
        )
        return no_op(instance, EventCode.CANCEL_PENDING, message)
    message = f"{instance.name} was cancelled before anything was launched."
    return to_terminated(instance, EventReason(code=EventCode.CANCELLED, message=message), now)
