"""A start that AWS refuses for lack of capacity: when to try again, until when, and what people are notified of.

A stopped instance can start only in the zone of its disk, so gpudesk waits for that zone.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.common.aws_errors import InsufficientCapacity
from chalicelib.domain.common.deadlines import CAPACITY_RETRY, LONGEST_CAPACITY_RETRY, START_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.notified_facts import record_once
from chalicelib.domain.instances.lifecycle.plans import (
    get_calling_since,
    record_event,
    require_ec2_instance,
    with_phase,
)
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import StartState, StartWithoutCapacity, describe_capacity_advice


def compute_pause(waited: timedelta) -> timedelta:
    """Return the time until the next try of a start that has waited for capacity for some time."""
    return min(max(CAPACITY_RETRY, waited / 10), LONGEST_CAPACITY_RETRY)


def find_start_deadline(instance: Instance, desk: DeskSettings, now: datetime) -> datetime:
    """Return until when gpudesk tries to start the instance: as requested, or for `START_DEADLINE`."""
    return instance.start.wait_until or get_calling_since(instance.phase_since, desk, now) + START_DEADLINE


def record_refusal(instance: Instance, error: InsufficientCapacity, now: datetime) -> Plan:
    """Record that the zone of the disk has no capacity. The owner is notified of the first refusal."""
    start = instance.start
    since = start.refused_since or now
    refusal = describe_capacity_refusal(instance, error)
    sizes = error.other_sizes if isinstance(error, StartWithoutCapacity) else start.other_sizes
    waiting = replace(
        start,
        refused_since=since,
        refusal_count=start.refusal_count + 1,
        retry_at=now + compute_pause(now - since),
        last_refusal=refusal,
        other_sizes=sizes,
    )
    claim = replace(instance.claim, last_error=refusal) if instance.claim else None
    lifetime = replace(instance.lifetime, started_at=None)
    until = start.wait_until or instance.phase_since + START_DEADLINE
    message = (
        f"{refusal} gpudesk tries again until {format_date_time(until)}. Its disk stays and is billed meanwhile. "
        f"{describe_capacity_advice(waiting, can_move=not instance.is_adopted_on_request)}"
    )
    reason = EventReason(code=EventCode.START_WAITING, message=message)
    return record_once(
        replace(instance, start=waiting, claim=claim, lifetime=lifetime, reason=reason),
        EventCode.START_WAITING,
        reason,
        now,
    )


def record_ended_start(instance: Instance, now: datetime) -> Plan | None:
    """Record the refusal of a start that EC2 accepted and then ended for lack of capacity.

    :returns: None if EC2 shows no such end, or if it is recorded
    """
    ec2_instance, claim = instance.ec2_instance, instance.claim
    reason = ec2_instance.state_reason if ec2_instance else None
    is_starting = instance.phase is Phase.BOOTING and instance.spec.desired is DesiredState.RUNNING
    is_recorded = claim is not None and (claim.last_called_at is None or claim.last_error is not None)
    is_ended = ec2_instance is not None and ec2_instance.state is Ec2State.STOPPED
    if not is_starting or is_recorded or not is_ended or reason is None or not reason.is_capacity:
        return None
    if claim is None:
        since = instance.phase_since
        claim = Claim(action=ClaimAction.START, claimed_at=since, reason=instance.reason, last_called_at=since)
    refusal = InsufficientCapacity(reason.code, reason.message)
    return record_refusal(replace(instance, claim=claim), refusal, now)


def describe_capacity_refusal(instance: Instance, error: InsufficientCapacity) -> str:
    """Return what AWS refused, as a sentence."""
    zone, size = require_ec2_instance(instance).zone, instance.spec.hardware.instance_type
    return f"AWS has no capacity for {instance.name} ({size}) in {zone}, the zone of its disk ({error.code})."


def record_found_capacity(instance: Instance, now: datetime) -> Plan:
    """Record that the instance runs after it has waited for capacity, and notify its owner."""
    waited = format_duration(now - (instance.start.refused_since or now))
    message = (
        f"{instance.name} waited for capacity for {waited} and is starting now. AWS bills it from now on. gpudesk "
        "notifies you when it is ready."
    )
    reason = EventReason(code=EventCode.START_CAPACITY_FOUND, message=message)
    launched_at = require_ec2_instance(instance).launched_at
    started = replace(
        with_phase(instance, Phase.BOOTING, reason, now),
        start=StartState(),
        lifetime=replace(instance.lifetime, started_at=launched_at),
    )
    plan = record_event(started, reason, now)
    return replace(plan, requeue=True)
