"""Launch an EC2 instance for a record: resolve the request, call RunInstances, time out.

What follows from an error of AWS is decided in `launch_errors`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, LAUNCH_DEADLINE, LAUNCH_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration, format_time
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.lifecycle import waiting_for_quota
from chalicelib.domain.instances.lifecycle.launch_errors import fail_launch
from chalicelib.domain.instances.lifecycle.plans import get_calling_since, no_op, to_terminated, with_phase
from chalicelib.domain.instances.plan import Launch, LaunchResolved, Plan, ResolveLaunch
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.small_disk import describe_small_disk
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot_rates import to_spot_rates


def decide(instance: Instance, now: datetime, desk: DeskSettings, quota: ObservedQuota | None = None) -> Plan:
    """Decide what follows while there is no EC2 instance yet.

    :param quota: the quota of a launch that may wait for it; None: it was not read

    A guarded write of `retry_at` precedes every call, so that of two decisions at the same time only one calls.
    """
    name, launch = instance.name, instance.launch
    if instance.spec.desired is not DesiredState.RUNNING:
        return _cancel(instance, now)
    waiting = waiting_for_quota.decide(instance, quota, now, desk)
    if waiting:
        return waiting
    resolving = f"Looking up the image, the subnet and the zone for {name}."
    if instance.phase is Phase.REQUESTED:
        reason = EventReason(code=EventCode.LAUNCHING, message=resolving)
        instance = with_phase(instance, Phase.LAUNCHING, reason, now)
        launch = replace(launch, started_at=launch.started_at or now)
    if launch.retry_at and now < launch.retry_at:
        message = f"gpudesk calls AWS again for {name} at {launch.retry_at:%H:%M:%S} UTC."
        return no_op(instance, EventCode.WAITING_TO_RETRY, message)
    timeout = _time_out(instance, now, desk)
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
        step=Launch(sent, is_first_call=attempt.sent_at is None),
    )


def record_resolved_launch(instance: Instance, outcome: LaunchResolved, now: datetime) -> Plan:
    """Store the complete request before it is sent.

    The image determines the size of the disk, and the subnet whether there is a public address, and so both the price.
    """
    attempt, spec = outcome.attempt, instance.spec
    message = f"Launching {instance.name} as {attempt.instance_type} in {attempt.zone}."
    reason = EventReason(code=EventCode.LAUNCHING, message=message)
    entry = timeline_entry(now, reason, details={"image_id": attempt.image_id, "zone": attempt.zone})
    is_new = attempt.zone not in instance.launch.zones_in_timeline
    rates = instance.billing.rates
    if attempt.market is Market.SPOT:
        rates = to_spot_rates(rates, outcome.spot_price)
    actual_rates = replace(
        rates,
        disk=rates.disk * attempt.disk_gib / spec.disk_gib if rates.disk and spec.disk_gib else rates.disk,
        address=outcome.address_price,
    )
    return Plan(
        instance=replace(
            instance,
            reason=reason,
            spec=replace(spec, disk_gib=attempt.disk_gib),
            launch=replace(instance.launch, attempt=attempt, attempt_count=attempt.number, retry_at=None),
            billing=replace(instance.billing, rates=actual_rates),
        ),
        reason=reason,
        timeline=(*([entry] if is_new else []), *_list_disk_entries(instance, attempt, now)),
        requeue=True,
    )


def _list_disk_entries(instance: Instance, attempt: LaunchAttempt, now: datetime) -> Iterator[TimelineEntry]:
    """Yield an entry with the real sizes if little is free beside a public image, at the first attempt only."""
    is_public = instance.spec.software.image is None and attempt.snapshot_gib > 0
    message = describe_small_disk(attempt.disk_gib, attempt.snapshot_gib)
    if attempt.number == 1 and is_public and message:
        yield timeline_entry(now, EventReason(code=EventCode.DISK_NEARLY_FULL, message=message))


def _time_out(instance: Instance, now: datetime, desk: DeskSettings) -> Plan | None:
    """Fail a launch that takes too long.

    A request that was sent counts as lost only when its instance would be visible in EC2.

    :returns: None if there is time left
    """
    is_sent = instance.launch.attempt is not None and instance.launch.attempt.sent_at is not None
    limit = LAUNCH_DEADLINE + LAUNCH_VISIBILITY_DEADLINE if is_sent else LAUNCH_DEADLINE
    if now - get_calling_since(instance.launch.started_at or instance.phase_since, desk, now) <= limit:
        return None
    instance_type, region = instance.spec.hardware.instance_type, instance.spec.region
    last_error = f" The last error of AWS: {instance.launch.last_error}" if instance.launch.last_error else ""
    if is_sent or last_error:
        cause = (
            f"AWS has not accepted the launch of a {instance_type} in {region} for {format_duration(limit)}, and EC2 "
            f"shows no instance.{last_error} Launch it again later."
        )
        return fail_launch(instance, EventCode.NO_ANSWER, cause, now)
    cause = (
        f"AWS has had no capacity for a {instance_type} in {region} for {format_duration(LAUNCH_DEADLINE)}. Launch "
        "another type, in another region, or later."
    )
    return fail_launch(instance, EventCode.NO_CAPACITY, cause, now)


def _cancel(instance: Instance, now: datetime) -> Plan:
    """Close the record, unless EC2 may still show the instance of a request that was sent."""
    sent_at = instance.launch.attempt.sent_at if instance.launch.attempt else None
    if sent_at is not None and now - sent_at < LAUNCH_VISIBILITY_DEADLINE:
        until = format_time(sent_at + LAUNCH_VISIBILITY_DEADLINE)
        message = (
            f"The launch of {instance.name} is cancelled. The request was already sent: if EC2 shows an instance until "
            f"{until}, gpudesk terminates it."
        )
        return no_op(instance, EventCode.CANCEL_PENDING, message)
    message = f"{instance.name} was cancelled before anything was launched."
    return to_terminated(instance, EventReason(code=EventCode.CANCELLED, message=message), now)
