"""Launch an EC2 instance for a record: resolve the request, call RunInstances.

What follows from an error of AWS is decided in `launch_errors`, and when a launch takes too long in `launch_time_out`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, LAUNCH_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_choice import with_first_price
from chalicelib.domain.instances.lifecycle import waiting_for_quota
from chalicelib.domain.instances.lifecycle.launch_errors import end_pass_or_fail
from chalicelib.domain.instances.lifecycle.launch_pass import end_pass, is_pass_complete
from chalicelib.domain.instances.lifecycle.launch_time_out import time_out_launch
from chalicelib.domain.instances.lifecycle.market_fallback import list_market_entries
from chalicelib.domain.instances.lifecycle.plans import no_op, to_terminated, with_phase
from chalicelib.domain.instances.lifecycle.quota_retries import find_quota_key, list_refusals
from chalicelib.domain.instances.lifecycle.request_cancellation import cancel_requests
from chalicelib.domain.instances.move_state import add_former_disk
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.plan import Launch, Plan, ResolveLaunch
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.small_disk import describe_small_disk
from chalicelib.domain.instances.spec import DesiredState


def decide(instance: Instance, now: datetime, desk: DeskSettings, quotas: Sequence[ObservedQuota] = ()) -> Plan:
    """Decide what follows while there is no EC2 instance yet.

    :param quotas: the quotas of a launch that may wait for one of them; none: they were not read
    """
    if instance.spec.desired is not DesiredState.RUNNING:
        return _cancel(instance, now)
    waiting = waiting_for_quota.decide(instance, quotas, now, desk)
    if waiting:
        return waiting
    if instance.phase is Phase.REQUESTED:
        reason = EventReason(code=EventCode.LAUNCHING, message=_describe_resolving(instance))
        launch = replace(instance.launch, started_at=instance.launch.started_at or now)
        instance = replace(with_phase(instance, Phase.LAUNCHING, reason, now), launch=launch)
    retry_at = instance.launch.retry_at
    if retry_at and now < retry_at:
        message = f"gpudesk calls AWS again for {instance.name} at {retry_at:%H:%M:%S} UTC."
        return no_op(instance, EventCode.WAITING_TO_RETRY, message)
    return time_out_launch(instance, now, desk) or cancel_requests(instance, now) or _call(instance, now)


def record_resolved_launch(instance: Instance, outcome: LaunchResolved, now: datetime) -> Plan:
    """Store the complete request before it is sent, and make its type, its region and its market those of the record.

    The image determines the size of the disk, and the subnet whether there is a public address, and so both the price.
    """
    attempt, spec, launch = outcome.attempt, instance.spec, instance.launch
    message = f"Launching {instance.name} as {attempt.instance_type} in {attempt.zone}."
    reason = EventReason(code=EventCode.LAUNCHING, message=message)
    choice = with_first_price(spec.launch_choice, attempt.price) if spec.launch_choice else None
    return Plan(
        instance=replace(
            instance,
            reason=reason,
            spec=replace(
                spec,
                region=attempt.region,
                market=attempt.market,
                hardware=outcome.hardware,
                disk_gib=attempt.disk_gib,
                has_priced_disks=True,
                launch_choice=choice,
            ),
            launch=replace(
                launch,
                attempt=attempt,
                attempt_count=attempt.number,
                next_offer=outcome.next_offer,
                above_maximum=outcome.above_maximum,
                tried_before=() if outcome.is_new_round else launch.tried_before,
                retry_at=None,
            ),
            billing=replace(instance.billing, rates=add_former_disk(instance.move, outcome.rates)),
        ),
        reason=reason,
        timeline=tuple(_list_entries(instance, outcome, reason, now)),
        requeue=True,
    )


def _call(instance: Instance, now: datetime) -> Plan:
    """Resolve the next offer, or call RunInstances with the attempt.

    A guarded write of `retry_at` precedes every call, so that of two decisions at the same time only one calls.
    """
    launch = replace(instance.launch, retry_at=now + COMMAND_RESEND_AFTER)
    attempt = launch.attempt
    if attempt is None and is_pass_complete(instance):
        return end_pass(instance, now) if _has_untried_offer(instance) else end_pass_or_fail(instance, now)
    if attempt is None:
        return Plan(
            instance=replace(instance, launch=launch),
            reason=EventReason(code=EventCode.RESOLVING, message=_describe_resolving(instance)),
            step=ResolveLaunch(tuple(each.offer.key for each in launch.tries_of_pass)),
        )
    sent = replace(attempt, sent_at=attempt.sent_at or now, last_sent_at=now)
    message = f"Calling EC2 to launch {instance.name} as {attempt.instance_type} in {attempt.zone}."
    return Plan(
        instance=replace(instance, launch=replace(launch, attempt=sent)),
        reason=EventReason(code=EventCode.LAUNCHING, message=message),
        step=Launch(sent, is_first_call=attempt.sent_at is None),
    )


def _has_untried_offer(instance: Instance) -> bool:
    """Return whether there is an offer for which the pass had no try left, so that the next one begins with it.

    A launch that may wait for a quota does so if EC2 has refused this quota in the pass: it loses nothing by it.
    """
    offer, refusals = instance.launch.next_offer, list_refusals(instance.launch.tries_of_pass)
    is_refused = offer is not None and find_quota_key(offer) in {find_quota_key(each.offer) for each in refusals}
    return offer is not None and not (is_refused and instance.spec.wait_for_quota)


def _describe_resolving(instance: Instance) -> str:
    return f"Choosing an offer and looking up the image and the subnet for {instance.name}."


def _list_entries(
    instance: Instance, outcome: LaunchResolved, reason: EventReason, now: datetime
) -> Iterator[TimelineEntry]:
    """Yield the entries about an attempt: one per offer, and those about its disk and its market.

    :param instance: before the attempt
    """
    attempt = outcome.attempt
    if attempt.offer.key.text not in instance.launch.offers_in_timeline:
        details = {"image_id": attempt.image_id, "instance_type": attempt.instance_type, "zone": attempt.zone}
        yield timeline_entry(now, reason, details=details)
    yield from _list_disk_entries(instance, attempt, now)
    yield from list_market_entries(instance, outcome, now)


def _list_disk_entries(instance: Instance, attempt: LaunchAttempt, now: datetime) -> Iterator[TimelineEntry]:
    """Yield an entry with the real sizes if little is free beside a public image, at the first attempt only."""
    is_public = instance.spec.software.image is None and attempt.snapshot_gib > 0
    message = describe_small_disk(attempt.disk_gib, attempt.snapshot_gib)
    if attempt.number == 1 and is_public and message:
        yield timeline_entry(now, EventReason(code=EventCode.DISK_NEARLY_FULL, message=message))


def _cancel(instance: Instance, now: datetime) -> Plan:
    """Close the record, unless EC2 may still show the instance of a request that was sent."""
    sent_at = instance.launch.attempt.last_called_at if instance.launch.attempt else None
    if sent_at is not None and now - sent_at < LAUNCH_VISIBILITY_DEADLINE:
        until = format_time(sent_at + LAUNCH_VISIBILITY_DEADLINE)
        message = (
            f"The launch of {instance.name} is cancelled. The request was already sent: if EC2 shows an instance until "
            f"{until}, gpudesk terminates it."
        )
        return no_op(instance, EventCode.CANCEL_PENDING, message)
    message = f"{instance.name} was cancelled before anything was launched."
    return to_terminated(instance, EventReason(code=EventCode.CANCELLED, message=message), now)
