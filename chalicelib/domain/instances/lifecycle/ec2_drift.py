"""What EC2 says that we did not do: seen, told, and brought under policy."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import GONE_AFTER, STOP_FORCE_AFTER, VISIBILITY_GRACE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.lifecycle.plans import (
    no_op,
    record_event,
    to_stopped,
    to_terminated,
    with_phase,
)
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedInstance, TagsMissing, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Claim, ClaimAction, Ec2State, Instance, Machine, Phase, ScheduledEvent
from chalicelib.domain.instances.spec import DesiredState

EVENT_ADVICE = {
    "instance-retirement": "Stop it and start it before then: it comes back on other hardware, with its disk.",
    "instance-stop": "Stop it and start it before then: it comes back on other hardware, with its disk.",
    "instance-reboot": "Whatever runs then ends: save your work before.",
    "system-reboot": "Whatever runs then ends. To move it to other hardware, stop it and start it before then.",
}
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html"""

OTHER_REMEDY = "It may be slow or unreachable for a while."

STOP_PHASES = (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING)


def apply_ec2_state(instance: Instance, observation: Observation, now: datetime) -> tuple[Instance, Plan | None]:
    """Bring the record up to what EC2 shows.

    :returns: the record, and a plan where what was seen already decides the matter
    """
    match observation.ec2:
        case Unavailable(why):
            return instance, no_op(
                instance, EventCode.AWS_UNAVAILABLE, f"EC2 did not answer, so nothing is concluded: {why}"
            )
        case NotVisible():
            return _not_visible(instance, now)
        case TagsMissing(instance_id):
            return instance, _tags_lost(instance, instance_id, now)
        case ObservedInstance() as view:
            current, plan = _seen(instance, view, observation.heartbeat, now)
            return current, plan or _announced(current, observation.scheduled_event, now)


def _tags_lost(instance: Instance, instance_id: str, now: datetime) -> Plan:
    """Without our tags it is not ours to touch; it is billed all the same, so it is told and counted."""
    message = (
        f"{instance.name} ({instance_id}) lost its gpudesk tags. gpudesk cannot manage it, but AWS bills it. Restore "
        f"the tags gpudesk:id={instance.tag_id} and gpudesk:stage, or terminate it in the EC2 console."
    )
    reason = EventReason(code=EventCode.TAGS_LOST, message=message)
    if instance.notified == reason.code:
        return Plan(instance=instance, reason=reason)
    return record_event(replace(instance, notified=reason.code), reason, now)


def _not_visible(instance: Instance, now: datetime) -> tuple[Instance, Plan | None]:
    machine = instance.machine
    if machine is None:
        return instance, None
    if now - machine.launched_at < VISIBILITY_GRACE:
        return instance, no_op(
            instance, EventCode.NOT_VISIBLE_YET, "EC2 does not show it yet; its answers lag behind its launches"
        )
    absent = replace(
        instance, observed=replace(instance.observed, not_visible_since=instance.observed.not_visible_since or now)
    )
    if absent.observed.not_visible_since and now - absent.observed.not_visible_since >= GONE_AFTER:
        message = (
            f"{instance.name} is gone: EC2 has not shown {machine.instance_id} for {format_duration(GONE_AFTER)}. "
            "gpudesk closed its record. Launch a new instance if you still need one."
        )
        return absent, to_terminated(absent, EventReason(code=EventCode.INSTANCE_GONE, message=message), now)
    message = "EC2 does not show it; that is no proof that it is gone"
    return absent, no_op(absent, EventCode.NOT_VISIBLE, message)


def _seen(
    instance: Instance, view: ObservedInstance, report: DecodedHeartbeat, now: datetime
) -> tuple[Instance, Plan | None]:
    before = instance.machine
    machine = Machine(
        instance_id=view.instance_id,
        zone=view.zone,
        state=view.state,
        launched_at=view.launched_at,
    )
    if instance.phase is Phase.TERMINATED:
        is_over = view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        return instance, no_op(instance, EventCode.TERMINATED, "terminated") if is_over else reopen_record(
            instance, machine, now
        )
    instance = replace(instance, machine=machine, observed=replace(instance.observed, not_visible_since=None))
    if before is None:
        if view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN):
            return instance, _ended(instance, view, now)
        return instance, to_booting(instance, machine, now)
    match view.state:
        case Ec2State.TERMINATED | Ec2State.SHUTTING_DOWN:
            return instance, _ended(instance, view, now)
        case Ec2State.STOPPED | Ec2State.STOPPING:
            return instance, _stopped_externally(instance, view, report, now)
        case Ec2State.PENDING | Ec2State.RUNNING:
            return instance, _started_externally(instance, now)


def _announced(instance: Instance, event: ScheduledEvent | NotVisible | Unavailable, now: datetime) -> Plan | None:
    """What AWS is going to do to the machine of its own accord is passed on, once."""
    if isinstance(event, Unavailable) or event == instance.observed.scheduled_event:
        return None
    if isinstance(event, NotVisible):
        reason = EventReason(code=EventCode.SCHEDULED_EVENT_CLEARED, message="AWS plans nothing any more")
        cleared = replace(instance, observed=replace(instance.observed, scheduled_event=None))
        return Plan(instance=cleared, reason=reason, requeue=True) if instance.observed.scheduled_event else None
    message = (
        f"AWS has scheduled {event.code} of {instance.name} for {format_date_time(event.not_before)} "
        f"({event.description}). "
        f"{EVENT_ADVICE.get(event.code, OTHER_REMEDY)}"
    )
    reason = EventReason(code=EventCode.SCHEDULED_EVENT, message=message)
    plan = record_event(
        replace(instance, observed=replace(instance.observed, scheduled_event=event)),
        reason,
        now,
        event=event.code,
        event_id=event.id,
    )
    return replace(plan, requeue=True)


def to_booting(instance: Instance, machine: Machine, now: datetime) -> Plan:
    """The instance has its machine, whether RunInstances said so or it was found by its tag."""
    reason = EventReason(
        code=EventCode.LAUNCHED, message=f"EC2 launched {machine.instance_id} in {machine.zone}; waiting for its agent"
    )
    return record_event(
        replace(
            with_phase(instance, Phase.BOOTING, reason, now),
            machine=machine,
            lifetime=replace(instance.lifetime, started_at=machine.launched_at),
            launch=replace(instance.launch, retry_at=None, zones_without_capacity=()),
        ),
        reason,
        now,
        instance_id=machine.instance_id,
        zone=machine.zone,
        instance_type=instance.spec.hardware.instance_type,
    )


def reopen_record(instance: Instance, machine: Machine, now: datetime) -> Plan:
    """A machine of a record that is over: the record lives again, under its id, until the machine is gone."""
    message = (
        f"{instance.name} ({instance.id}) still exists in EC2, although gpudesk took it for gone: "
        f"{machine.instance_id} is {machine.state}. gpudesk is terminating it; its disk is deleted."
    )
    reason = EventReason(code=EventCode.REAPPEARED, message=message)
    alive = replace(
        with_phase(instance, Phase.TERMINATING, reason, now),
        name=instance.id,
        machine=machine,
        claim=Claim(action=ClaimAction.TERMINATE, claimed_at=now, reason=reason),
    )
    return record_event(alive, reason, now, instance_id=machine.instance_id, former_name=instance.name)


def _ended(instance: Instance, view: ObservedInstance, now: datetime) -> Plan | None:
    ours = instance.claim is not None and instance.claim.action is ClaimAction.TERMINATE
    if view.state is Ec2State.TERMINATED:
        if ours:
            return to_terminated(
                instance, EventReason(code=EventCode.TERMINATED, message=f"{instance.name} is terminated."), now
            )
        message = (
            f"{instance.name} was terminated outside gpudesk, and its disk is deleted. Launch a new instance if you "
            "still need one."
        )
        return to_terminated(instance, EventReason(code=EventCode.TERMINATED_EXTERNALLY, message=message), now)
    if instance.phase is Phase.TERMINATING:
        return no_op(instance, EventCode.TERMINATING, "EC2 is terminating it")
    message = f"EC2 is terminating {instance.name}{'' if ours else ', which gpudesk did not ask for'}."
    reason = EventReason(code=EventCode.TERMINATING_EXTERNALLY, message=message)
    spec = replace(instance.spec, desired=DesiredState.TERMINATED)
    return record_event(
        replace(with_phase(instance, Phase.TERMINATING, reason, now), spec=spec, warning=None), reason, now
    )


def _stopped_externally(
    instance: Instance, view: ObservedInstance, report: DecodedHeartbeat, now: datetime
) -> Plan | None:
    starting = instance.claim is not None and instance.claim.action is ClaimAction.START
    if instance.phase in STOP_PHASES or starting:
        return None
    by_itself = isinstance(report, Heartbeat) and report.self_stop is not None and report.self_stop.stopping_now
    name = instance.name
    reason = (
        EventReason(
            code=EventCode.SELF_STOPPED,
            message=f"{name} stopped itself: it was idle, and gpudesk was unreachable. EC2 says {view.state}. Its root disk "
            f"stays and is billed. To use {name} again, start it. An admin should check why gpudesk was unreachable.",
        )
        if by_itself
        else EventReason(
            code=EventCode.STOPPED_EXTERNALLY,
            message=f"{name} was stopped outside gpudesk: EC2 says {view.state}. It stays stopped, and its root disk is "
            f"billed. To use {name} again, start it.",
        )
    )
    if instance.spec.desired is DesiredState.RUNNING:
        instance = replace(instance, spec=replace(instance.spec, desired=DesiredState.STOPPED))
    if view.state is Ec2State.STOPPED:
        return record_event(to_stopped(instance, reason, now), reason, now)
    stopping = replace(with_phase(instance, Phase.STOPPING, reason, now), warning=None, claim=None)
    return record_event(stopping, reason, now)


def _started_externally(instance: Instance, now: datetime) -> Plan | None:
    if instance.machine is None or instance.spec.desired is DesiredState.TERMINATED:
        return None
    if instance.phase is not Phase.STOPPED and not _restarted_while_stopping(instance, instance.machine, now):
        return None
    message = (
        f"{instance.name} was started outside gpudesk. It is billed, and its idle policy and maximum lifetime apply "
        "again. Stop it if nobody needs it."
    )
    reason = EventReason(code=EventCode.STARTED_EXTERNALLY, message=message)
    spec = replace(instance.spec, desired=DesiredState.RUNNING)
    started = replace(
        with_phase(instance, Phase.BOOTING, reason, now),
        spec=spec,
        ready_since=None,
        claim=None,
        lifetime=replace(instance.lifetime, started_at=instance.machine.launched_at),
        observed=replace(instance.observed, boot_id=None),
    )
    return record_event(started, reason, now)


def _restarted_while_stopping(instance: Instance, machine: Machine, now: datetime) -> bool:
    """Somebody started it between two looks; or it was never stopped, and nobody of ours is asking for it."""
    if instance.phase is not Phase.STOPPING:
        return False
    if instance.claim:
        return machine.launched_at > instance.claim.claimed_at
    return machine.launched_at > instance.phase_since or now - instance.phase_since > STOP_FORCE_AFTER
