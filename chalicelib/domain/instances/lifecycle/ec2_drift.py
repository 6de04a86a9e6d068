"""Bring a record up to what EC2 shows, and find out where EC2 differs from what gpudesk did.

What was done outside gpudesk is decided in `external_changes`.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import EXPLAIN_WAITING_AFTER, GONE_AFTER, VISIBILITY_GRACE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_date_time, format_duration
from chalicelib.domain.desk.settings import PAUSE_END, Mode
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle.external_changes import (
    decide_end,
    decide_external_start,
    decide_external_stop,
    decide_scheduled_event,
)
from chalicelib.domain.instances.lifecycle.launch_errors import can_leave_region
from chalicelib.domain.instances.lifecycle.launch_pass import leave_region_out, record_success
from chalicelib.domain.instances.lifecycle.notified_facts import record_once
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, to_terminated, with_phase
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedInstance, TagsMissing, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def apply_ec2_state(
    instance: Instance, observation: Observation, now: datetime, mode: Mode
) -> tuple[Instance, Plan | None]:
    """Bring the record up to what EC2 shows.

    :returns: the record, and a plan if what EC2 shows already decides what to do
    """
    match observation.ec2:
        case Unavailable() as unavailable:
            plan = None if _is_between_attempts(instance) else _decide_nothing(instance, unavailable, now)
            return instance, plan
        case NotVisible():
            return _apply_not_visible(instance, now)
        case TagsMissing(instance_id):
            return instance, _notify_lost_tags(instance, instance_id, now)
        case ObservedInstance() as observed:
            current, plan = _apply_observed(instance, observed, observation.heartbeat, now, mode)
            return current, plan or decide_scheduled_event(current, observation.scheduled_event, now)


def _is_between_attempts(instance: Instance) -> bool:
    """Return whether a launch that has begun, or is cancelled, has nothing in EC2: its region need not answer.

    It goes on in other regions, and its deadlines and its cancellation hold.
    """
    if instance.phase not in LAUNCHING_PHASES or instance.ec2_instance or instance.launch.attempt:
        return False
    has_begun = instance.launch.started_at is not None or instance.launch.is_waiting_for_quota
    return has_begun or instance.spec.desired is not DesiredState.RUNNING


def _decide_nothing(instance: Instance, unavailable: Unavailable, now: datetime) -> Plan:
    """Change nothing; but after some minutes, a launch that waits for its region says why.

    A launch leaves a region that rejects even this call, as long as nothing can exist there: no request was sent.

    The reason is written once: messages of AWS can differ from call to call.
    """
    attempt = instance.launch.attempt
    is_unsent = attempt is not None and attempt.sent_at is None and instance.ec2_instance is None
    if unavailable.is_rejected and is_unsent and can_leave_region(instance):
        return leave_region_out(instance, "Rejected", ensure_period(unavailable.error), now)
    message = f"EC2 {unavailable.past}, so gpudesk decides nothing about {instance.name}: {unavailable.error}"
    plan = no_op(instance, EventCode.AWS_UNAVAILABLE, message)
    is_waiting = instance.phase is Phase.REQUESTED and now - instance.phase_since >= EXPLAIN_WAITING_AFTER
    if not is_waiting or instance.reason.code == EventCode.AWS_UNAVAILABLE:
        return plan
    waiting = (
        f"{instance.name} is not launched yet: EC2 {unavailable.past} in {instance.spec.region}. "
        f"{ensure_period(unavailable.error)} gpudesk tries again each minute. To cancel the launch, send DELETE "
        f"/instances/{instance.name}."
    )
    reason = EventReason(code=EventCode.AWS_UNAVAILABLE, message=waiting)
    return replace(plan, instance=replace(instance, reason=reason))


def to_booting(instance: Instance, ec2_instance: Ec2Instance, now: datetime) -> Plan:
    """Return the plan for a launched instance, whether RunInstances returned it or it was found by its tag."""
    message = (
        f"EC2 launched {instance.name} as {ec2_instance.instance_id} in {ec2_instance.zone}. gpudesk waits for its SSM "
        "agent."
    )
    reason = EventReason(code=EventCode.LAUNCHED, message=message)
    launched, entries = record_success(instance, now)
    plan = record_event(
        replace(
            with_phase(launched, Phase.BOOTING, reason, now),
            ec2_instance=ec2_instance,
            lifetime=replace(instance.lifetime, started_at=ec2_instance.launched_at),
            launch=replace(launched.launch, retry_at=None, last_error=None),
        ),
        reason,
        now,
        instance_id=ec2_instance.instance_id,
        zone=ec2_instance.zone,
        instance_type=instance.spec.hardware.instance_type,
    )
    return replace(plan, timeline=(*plan.timeline, *entries))


def reopen_record(instance: Instance, ec2_instance: Ec2Instance, now: datetime, mode: Mode) -> Plan:
    """Reopen a closed record whose instance still exists in EC2, and terminate the instance.

    The record is named after its id: its former name may be in use by another instance.
    """
    follows = (
        f"gpudesk is paused: it terminates it when {PAUSE_END}."
        if mode is Mode.PAUSED
        else "gpudesk is terminating it; its disk is deleted."
    )
    message = (
        f"{instance.name} ({instance.id}) still exists in EC2, although gpudesk closed its record: "
        f"{ec2_instance.instance_id} is {ec2_instance.state}. {follows}"
    )
    reason = EventReason(code=EventCode.REAPPEARED, message=message)
    reopened = replace(
        with_phase(instance, Phase.TERMINATING, reason, now),
        name=instance.id,
        ec2_instance=ec2_instance,
        claim=Claim(action=ClaimAction.TERMINATE, claimed_at=now, reason=reason),
    )
    return record_event(reopened, reason, now, instance_id=ec2_instance.instance_id, former_name=instance.name)


def _notify_lost_tags(instance: Instance, instance_id: str, now: datetime) -> Plan:
    """Notify people once: without its tags gpudesk may not touch the instance, but AWS bills it."""
    message = (
        f"{instance.name} ({instance_id}) lost its gpudesk tags. gpudesk cannot manage it, but AWS bills it. An "
        f"admin must restore the tags gpudesk:id={instance.tag_id} and gpudesk:stage (with the value that the other "
        "instances of gpudesk have), or terminate it in the EC2 console."
    )
    return record_once(instance, EventCode.TAGS_LOST, EventReason(code=EventCode.TAGS_LOST, message=message), now)


def _apply_not_visible(instance: Instance, now: datetime) -> tuple[Instance, Plan | None]:
    """Close the record of an instance that EC2 has not shown for `GONE_AFTER`.

    EC2 shows a new instance only some time after its launch:
    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    ec2_instance, name = instance.ec2_instance, instance.name
    if ec2_instance is None:
        return instance, None
    if now - ec2_instance.launched_at < VISIBILITY_GRACE:
        message = f"EC2 does not show {name} yet. It shows a new instance only some time after its launch."
        return instance, no_op(instance, EventCode.NOT_VISIBLE_YET, message)
    since = instance.observed.not_visible_since or now
    hidden = replace(instance, observed=replace(instance.observed, not_visible_since=since))
    if now - since < GONE_AFTER:
        message = (
            f"EC2 has not shown {name} since {format_date_time(since)}. If that lasts until "
            f"{format_date_time(since + GONE_AFTER)}, gpudesk closes its record."
        )
        return hidden, no_op(hidden, EventCode.NOT_VISIBLE, message)
    message = (
        f"{name} is gone: EC2 has not shown {ec2_instance.instance_id} for {format_duration(GONE_AFTER)}. gpudesk "
        "closed its record. Launch a new instance if you still need one."
    )
    return hidden, to_terminated(hidden, EventReason(code=EventCode.INSTANCE_GONE, message=message), now)


def _apply_observed(
    instance: Instance, observed: ObservedInstance, heartbeat: DecodedHeartbeat, now: datetime, mode: Mode
) -> tuple[Instance, Plan | None]:
    ec2_instance = observed.to_ec2_instance()
    is_ended = observed.state in ENDED_STATES
    if instance.phase is Phase.TERMINATED:
        if is_ended:
            return instance, no_op(instance, EventCode.TERMINATED, f"{instance.name} is terminated.")
        return instance, reopen_record(instance, ec2_instance, now, mode)
    is_new = instance.ec2_instance is None
    instance = replace(instance, ec2_instance=ec2_instance, observed=replace(instance.observed, not_visible_since=None))
    if is_ended:
        return instance, decide_end(instance, ec2_instance, now)
    if is_new:
        return instance, to_booting(instance, ec2_instance, now)
    if observed.state in (Ec2State.STOPPED, Ec2State.STOPPING):
        return instance, decide_external_stop(instance, ec2_instance, heartbeat, now, mode)
    return instance, decide_external_start(instance, ec2_instance, now, mode)
