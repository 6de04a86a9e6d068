"""What EC2 says that we did not do: seen, told, and brought under policy."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.instance import (
    Action,
    Claim,
    Desired,
    Ec2State,
    Instance,
    Machine,
    Phase,
    ScheduledEvent,
)
from chalicelib.domain.lifecycle.rules import at_rest, because, gone, moved, nothing, told
from chalicelib.domain.observation import Absent, Ec2View, Observation, Unobserved, Untagged
from chalicelib.domain.plan import Plan
from chalicelib.domain.timings import ABSENT_CERTAIN, NEWBORN, STOP_FORCE

REMEDIES = {
    "instance-retirement": "Stop it and start it before then: it comes back on other hardware, with its disk.",
    "instance-stop": "Stop it and start it before then: it comes back on other hardware, with its disk.",
    "instance-reboot": "Whatever runs then ends: save your work before.",
    "system-reboot": "Whatever runs then ends. To move it to other hardware, stop it and start it before then.",
}
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html"""

OTHER_REMEDY = "It may be slow or unreachable for a while."

ENDING = (Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING)


def take_in(instance: Instance, seen: Observation, now: datetime) -> tuple[Instance, Plan | None]:
    """Bring the record up to what EC2 shows.

    :returns: the record, and a plan where what was seen already decides the matter
    """
    match seen.ec2:
        case Unobserved(why):
            return instance, nothing(
                instance, EventCode.AWS_UNAVAILABLE, f"EC2 did not answer, so nothing is concluded: {why}"
            )
        case Absent():
            return _missed(instance, now)
        case Untagged(instance_id):
            return instance, _out_of_reach(instance, instance_id, now)
        case Ec2View() as view:
            current, plan = _seen(instance, view, seen.heartbeat, now)
            return current, plan or _announced(current, seen.scheduled, now)


def _out_of_reach(instance: Instance, instance_id: str, now: datetime) -> Plan:
    """Without our tags it is not ours to touch; it is billed all the same, so it is told and counted."""
    sentence = (
        f"{instance.name} ({instance_id}) lost its gpudesk tags. gpudesk cannot manage it, but AWS bills it. Restore "
        f"the tags gpudesk:id={instance.tag_id} and gpudesk:stage, or terminate it in the EC2 console."
    )
    reason = because(EventCode.TAGS_LOST, sentence)
    if instance.told == reason.code:
        return Plan(instance=instance, reason=reason)
    return told(replace(instance, told=reason.code), reason, now)


def _missed(instance: Instance, now: datetime) -> tuple[Instance, Plan | None]:
    machine = instance.machine
    if machine is None:
        return instance, None
    if now - machine.launched_at < NEWBORN:
        return instance, nothing(
            instance, EventCode.NOT_VISIBLE_YET, "EC2 does not show it yet; its answers lag behind its launches"
        )
    absent = replace(instance, absent_since=instance.absent_since or now)
    if absent.absent_since and now - absent.absent_since >= ABSENT_CERTAIN:
        hours = pluralize(ABSENT_CERTAIN.seconds // 3600, "hour")
        sentence = (
            f"{instance.name} is gone: EC2 has not shown {machine.instance_id} for {hours}. gpudesk closed its record. "
            "Launch a new instance if you still need one."
        )
        return absent, gone(absent, because(EventCode.INSTANCE_GONE, sentence), now)
    sentence = "EC2 does not show it; that is no proof that it is gone"
    return absent, nothing(absent, EventCode.NOT_VISIBLE, sentence)


def _seen(instance: Instance, view: Ec2View, report: Report, now: datetime) -> tuple[Instance, Plan | None]:
    before = instance.machine
    machine = Machine(
        instance_id=view.instance_id,
        zone=view.zone,
        state=view.state,
        launched_at=view.launched_at,
    )
    if instance.phase is Phase.TERMINATED:
        is_over = view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        return instance, nothing(instance, EventCode.TERMINATED, "terminated") if is_over else found_alive(
            instance, machine, now
        )
    instance = replace(instance, machine=machine, absent_since=None)
    if before is None:
        if view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN):
            return instance, _ended(instance, view, now)
        return instance, launched(instance, machine, now)
    match view.state:
        case Ec2State.TERMINATED | Ec2State.SHUTTING_DOWN:
            return instance, _ended(instance, view, now)
        case Ec2State.STOPPED | Ec2State.STOPPING:
            return instance, _stopped_outside(instance, view, report, now)
        case Ec2State.PENDING | Ec2State.RUNNING:
            return instance, _started_outside(instance, now)


def _announced(instance: Instance, event: ScheduledEvent | Absent | Unobserved, now: datetime) -> Plan | None:
    """What AWS is going to do to the machine of its own accord is passed on, once."""
    if isinstance(event, Unobserved) or event == instance.scheduled:
        return None
    if isinstance(event, Absent):
        reason = because(EventCode.SCHEDULED_EVENT_CLEARED, "AWS plans nothing any more")
        cleared = replace(instance, scheduled=None)
        return Plan(instance=cleared, reason=reason, again=True) if instance.scheduled else None
    sentence = (
        f"AWS has scheduled {event.code} of {instance.name} for {event.not_before:%Y-%m-%d %H:%M} UTC "
        f"({event.description}). "
        f"{REMEDIES.get(event.code, OTHER_REMEDY)}"
    )
    reason = because(EventCode.SCHEDULED_EVENT, sentence)
    plan = told(replace(instance, scheduled=event), reason, now, event=event.code, event_id=event.id)
    return replace(plan, again=True)


def launched(instance: Instance, machine: Machine, now: datetime) -> Plan:
    """The instance has its machine, whether RunInstances said so or it was found by its tag."""
    reason = because(EventCode.LAUNCHED, f"EC2 launched {machine.instance_id} in {machine.zone}; waiting for its agent")
    return told(
        replace(
            moved(instance, Phase.BOOTING, reason, now),
            machine=machine,
            life_began_at=machine.launched_at,
            retry_at=None,
            refused_zones=(),
        ),
        reason,
        now,
        instance_id=machine.instance_id,
        zone=machine.zone,
        instance_type=instance.spec.instance_type,
    )


def found_alive(instance: Instance, machine: Machine, now: datetime) -> Plan:
    """A machine of a record that is over: the record lives again, under its id, until the machine is gone."""
    sentence = (
        f"{instance.name} ({instance.id}) still exists in EC2, although gpudesk took it for gone: "
        f"{machine.instance_id} is {machine.state}. gpudesk is terminating it; its disk is deleted."
    )
    reason = because(EventCode.REAPPEARED, sentence)
    alive = replace(
        moved(instance, Phase.TERMINATING, reason, now),
        name=instance.id,
        machine=machine,
        claim=Claim(action=Action.TERMINATE, at=now, reason=reason),
    )
    return told(alive, reason, now, instance_id=machine.instance_id, former_name=instance.name)


def _ended(instance: Instance, view: Ec2View, now: datetime) -> Plan | None:
    ours = instance.claim is not None and instance.claim.action is Action.TERMINATE
    if view.state is Ec2State.TERMINATED:
        if ours:
            return gone(instance, because(EventCode.TERMINATED, f"{instance.name} is terminated."), now)
        sentence = (
            f"{instance.name} was terminated outside gpudesk, and its disk is deleted. Launch a new instance if you "
            "still need one."
        )
        return gone(instance, because(EventCode.TERMINATED_EXTERNALLY, sentence), now)
    if instance.phase is Phase.TERMINATING:
        return nothing(instance, EventCode.TERMINATING, "EC2 is terminating it")
    sentence = f"EC2 is terminating {instance.name}{'' if ours else ', which gpudesk did not ask for'}."
    reason = because(EventCode.TERMINATING_EXTERNALLY, sentence)
    spec = replace(instance.spec, desired=Desired.TERMINATED)
    return told(replace(moved(instance, Phase.TERMINATING, reason, now), spec=spec, warned=None), reason, now)


def _stopped_outside(instance: Instance, view: Ec2View, report: Report, now: datetime) -> Plan | None:
    starting = instance.claim is not None and instance.claim.action is Action.START
    if instance.phase in ENDING or starting:
        return None
    by_itself = isinstance(report, Heartbeat) and report.leaving is not None and report.leaving.is_over
    name = instance.name
    reason = (
        because(
            EventCode.SELF_STOPPED,
            f"{name} stopped itself: it was idle, and gpudesk was unreachable. EC2 says {view.state}. Its root disk "
            f"stays and is billed. To use {name} again, start it. An admin should check why gpudesk was unreachable.",
        )
        if by_itself
        else because(
            EventCode.STOPPED_EXTERNALLY,
            f"{name} was stopped outside gpudesk: EC2 says {view.state}. It stays stopped, and its root disk is "
            f"billed. To use {name} again, start it.",
        )
    )
    if instance.spec.desired is Desired.RUNNING:
        instance = replace(instance, spec=replace(instance.spec, desired=Desired.STOPPED))
    if view.state is Ec2State.STOPPED:
        return told(at_rest(instance, reason, now), reason, now)
    stopping = replace(moved(instance, Phase.STOPPING, reason, now), warned=None, claim=None)
    return told(stopping, reason, now)


def _started_outside(instance: Instance, now: datetime) -> Plan | None:
    if instance.machine is None or instance.spec.desired is Desired.TERMINATED:
        return None
    if instance.phase is not Phase.STOPPED and not _restarted_while_stopping(instance, instance.machine, now):
        return None
    sentence = (
        f"{instance.name} was started outside gpudesk. It is billed, and its idle policy and maximum lifetime apply "
        "again. Stop it if nobody needs it."
    )
    reason = because(EventCode.STARTED_EXTERNALLY, sentence)
    spec = replace(instance.spec, desired=Desired.RUNNING)
    started = replace(
        moved(instance, Phase.BOOTING, reason, now),
        spec=spec,
        life_began_at=instance.machine.launched_at,
        ready_since=None,
        claim=None,
        boot_id=None,
    )
    return told(started, reason, now)


def _restarted_while_stopping(instance: Instance, machine: Machine, now: datetime) -> bool:
    """Somebody started it between two looks; or it was never stopped, and nobody of ours is asking for it."""
    if instance.phase is not Phase.STOPPING:
        return False
    if instance.claim:
        return machine.launched_at > instance.claim.at
    return machine.launched_at > instance.phase_since or now - instance.phase_since > STOP_FORCE
