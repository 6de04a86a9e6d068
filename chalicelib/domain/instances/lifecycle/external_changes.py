"""Decide what follows from what gpudesk did not do: a stop, a start, a termination, a scheduled AWS event."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import STOP_FORCE_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, EndCause, ScheduledEvent
from chalicelib.domain.instances.lifecycle.ended_launch import is_ended_launch, record_ended_launch
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, to_stopped, to_terminated, with_phase
from chalicelib.domain.instances.lifecycle.spot_return import build_interrupted_reason, decide_return
from chalicelib.domain.instances.lifecycle.spot_termination import find_cancellation
from chalicelib.domain.instances.lifecycle.start_wait import record_ended_start
from chalicelib.domain.instances.lifecycle.stop_impact import describe_missing_stop
from chalicelib.domain.instances.observation import NotVisible, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

MOVE_ADVICE = (
    "Stop it and start it before then: it comes back on other hardware, with its root disk. Before the stop, copy what "
    "you need from /tmp and instance stores."
)
EVENT_ADVICE = {
    "instance-retirement": MOVE_ADVICE,
    "instance-stop": MOVE_ADVICE,
    "instance-reboot": "All running programs end then: save your work before.",
    "system-reboot": "All running programs end then. To move it to other hardware, stop it and start it before then.",
}
"""Advice about a scheduled event, by its code:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html"""

DEFAULT_EVENT_ADVICE = "It may be slow or unreachable for a while."

STOP_PHASES = (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING)


def decide_end(instance: Instance, ec2_instance: Ec2Instance, now: datetime) -> Plan | None:
    """Decide for an instance that EC2 is terminating or has terminated, by gpudesk or by someone else."""
    name = instance.name
    is_requested = instance.claim is not None and instance.claim.action is ClaimAction.TERMINATE
    if not is_requested and is_ended_launch(instance, ec2_instance):
        return record_ended_launch(instance, ec2_instance, now)
    if ec2_instance.state is Ec2State.TERMINATED:
        if is_requested:
            message = f"{name} is terminated.{ec2_instance.unexpected_reason_text}"
            return to_terminated(instance, EventReason(code=EventCode.TERMINATED, message=message), now)
        message = (
            f"{name} was terminated outside gpudesk, and its disk is deleted.{ec2_instance.reason_text} Launch a "
            "new instance if you still need one."
        )
        plan = to_terminated(instance, EventReason(code=EventCode.TERMINATED_EXTERNALLY, message=message), now)
        return replace(plan, step=find_cancellation(instance.spec.region, ec2_instance))
    if instance.phase is Phase.TERMINATING:
        return no_op(instance, EventCode.TERMINATING, f"EC2 is terminating {name}.")
    if is_requested:
        message = f"EC2 is terminating {name}.{ec2_instance.unexpected_reason_text}"
    else:
        message = f"EC2 is terminating {name}. gpudesk did not request that.{ec2_instance.reason_text}"
    reason = EventReason(code=EventCode.TERMINATING_EXTERNALLY, message=message)
    spec = replace(instance.spec, desired=DesiredState.TERMINATED)
    terminating = replace(with_phase(instance, Phase.TERMINATING, reason, now), spec=spec, warning=None)
    plan = record_event(terminating, reason, now)
    # Otherwise EC2 launches another instance for the spot request.
    return plan if is_requested else replace(plan, step=find_cancellation(instance.spec.region, ec2_instance))


def decide_external_stop(
    instance: Instance, ec2_instance: Ec2Instance, heartbeat: DecodedHeartbeat, now: datetime, mode: Mode
) -> Plan | None:
    """Record a stop that gpudesk did not make, and leave the instance stopped.

    :param heartbeat: the last heartbeat, which shows whether the instance stopped itself
    :returns: None if gpudesk is stopping, terminating or starting the instance
    """
    is_starting = instance.claim is not None and instance.claim.action is ClaimAction.START
    if instance.phase in STOP_PHASES or is_starting:
        return None
    ended = record_ended_start(instance, now)
    if ended:
        return ended
    is_interrupted = ec2_instance.state_reason is not None and ec2_instance.state_reason.cause is EndCause.SPOT
    reason = (
        build_interrupted_reason(instance, ec2_instance, mode)
        if is_interrupted
        else _build_stop_reason(instance, ec2_instance, heartbeat)
    )
    is_resumed = is_interrupted and instance.spec.spot.resume_after_interruption
    if instance.spec.desired is DesiredState.RUNNING and not is_resumed:
        instance = replace(instance, spec=replace(instance.spec, desired=DesiredState.STOPPED), state_request=None)
    if ec2_instance.state is Ec2State.STOPPED:
        return record_event(to_stopped(instance, reason, now), reason, now)
    stopping = replace(
        with_phase(instance, Phase.STOPPING, reason, now),
        warning=None,
        claim=None,
        notified={EventCode.SPOT_INTERRUPTED: now} if is_interrupted else {},
    )
    return record_event(stopping, reason, now)


def decide_external_start(instance: Instance, ec2_instance: Ec2Instance, now: datetime, mode: Mode) -> Plan | None:
    """Record a start that gpudesk did not make, and manage the instance again.

    :returns: None if the instance was not stopped, or if it is to be terminated
    """
    if instance.spec.desired is DesiredState.TERMINATED:
        return None
    if instance.phase is not Phase.STOPPED and not _is_restarted_while_stopping(instance, ec2_instance, now):
        return None
    returned = decide_return(instance, ec2_instance, now, mode)
    if returned:
        return returned
    terms = (
        "Its idle policy and maximum lifetime apply again."
        if mode is Mode.ENFORCE
        else describe_missing_stop(instance.name, mode)
    )
    message = f"{instance.name} was started outside gpudesk. It is billed. {terms} Stop it if nobody needs it."
    reason = EventReason(code=EventCode.STARTED_EXTERNALLY, message=message)
    started = replace(
        with_phase(instance, Phase.BOOTING, reason, now),
        spec=replace(instance.spec, desired=DesiredState.RUNNING),
        state_request=None,
        ready_since=None,
        claim=None,
        lifetime=replace(instance.lifetime, started_at=ec2_instance.launched_at),
        observed=replace(instance.observed, boot_id=None, interruption=None),
    )
    return record_event(started, reason, now)


def decide_scheduled_event(
    instance: Instance, event: ScheduledEvent | NotVisible | Unavailable, now: datetime
) -> Plan | None:
    """Notify people once of an event that AWS has scheduled for the instance.

    :returns: None if the event is known, or if it is not known whether there is one
    """
    if isinstance(event, Unavailable) or event == instance.observed.scheduled_event:
        return None
    if isinstance(event, NotVisible):
        if instance.observed.scheduled_event is None:
            return None
        message = f"AWS has no scheduled event for {instance.name} any more."
        reason = EventReason(code=EventCode.SCHEDULED_EVENT_CLEARED, message=message)
        cleared = replace(instance, observed=replace(instance.observed, scheduled_event=None))
        return Plan(instance=cleared, reason=reason, requeue=True)
    message = (
        f"AWS has scheduled {event.code} of {instance.name} for {format_date_time(event.not_before)} "
        f"({event.description}). {EVENT_ADVICE.get(event.code, DEFAULT_EVENT_ADVICE)}"
    )
    reason = EventReason(code=EventCode.SCHEDULED_EVENT, message=message)
    announced = replace(instance, observed=replace(instance.observed, scheduled_event=event))
    plan = record_event(announced, reason, now, event=event.code, event_id=event.id)
    return replace(plan, requeue=True)


def _build_stop_reason(instance: Instance, ec2_instance: Ec2Instance, heartbeat: DecodedHeartbeat) -> EventReason:
    name = instance.name
    if isinstance(heartbeat, Heartbeat) and heartbeat.self_stop is not None and heartbeat.self_stop.stopping_now:
        message = (
            f"{name} stopped itself: it was idle, and gpudesk had not stopped it within 15 minutes. EC2 says "
            f"{ec2_instance.state}.{ec2_instance.reason_text} Its root disk stays and is billed. To use {name} again, "
            "start it. An admin should check why gpudesk did not stop it, for example because it was unreachable."
        )
        return EventReason(code=EventCode.SELF_STOPPED, message=message)
    message = (
        f"{name} was stopped outside gpudesk: EC2 says {ec2_instance.state}.{ec2_instance.reason_text} It stays "
        f"stopped, and its root disk is billed. To use {name} again, start it."
    )
    return EventReason(code=EventCode.STOPPED_EXTERNALLY, message=message)


def _is_restarted_while_stopping(instance: Instance, ec2_instance: Ec2Instance, now: datetime) -> bool:
    """Return whether someone started a stopping instance between two observations.

    Without a claim gpudesk did not request the stop and does not repeat it. If the instance still runs after
    `STOP_FORCE_AFTER`, it counts as started.
    """
    if instance.phase is not Phase.STOPPING:
        return False
    if instance.claim:
        return ec2_instance.launched_at > instance.claim.claimed_at
    return ec2_instance.launched_at > instance.phase_since or now - instance.phase_since > STOP_FORCE_AFTER
