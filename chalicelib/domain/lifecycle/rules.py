"""What every decision may rely on, and the few ways in which a plan is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import to_sentence
from chalicelib.domain.desk import DeskSettings
from chalicelib.domain.instance import Action, Claim, Desired, Instance, Machine, Phase
from chalicelib.domain.notices import AddressBook
from chalicelib.domain.plan import DESK, Entry, Plan, Start, Step, Stop, Terminate
from chalicelib.domain.warned import Warned, WarningKind

INITIATED: Mapping[Action, EventCode] = {
    Action.START: EventCode.START_INITIATED,
    Action.STOP: EventCode.STOP_INITIATED,
    Action.TERMINATE: EventCode.TERMINATE_INITIATED,
}
RETRIED: Mapping[Action, EventCode] = {
    Action.START: EventCode.START_RETRIED,
    Action.STOP: EventCode.STOP_RETRIED,
    Action.TERMINATE: EventCode.TERMINATE_RETRIED,
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for the whole desk.

    :param book: who can be told by what
    :param script_time: how long a script's time limit lasts on the desk's clock
    :param heartbeat_table: the DynamoDB table that probes write to
    :param heartbeat_region: where that table is, whatever the instance's region
    :param instance_role_id: the unique id of the instances' role: what `aws:userid` begins with on an instance
    """

    desk: DeskSettings
    book: AddressBook = AddressBook()
    heartbeat_table: str
    heartbeat_region: str
    instance_role_id: str
    script_time: Callable[[timedelta], timedelta] = lambda limit: limit


def heartbeat_key(role_id: str, instance_id: str) -> str:
    """The key of an instance's heartbeat: `aws:userid` of its role's session, which IAM can fence.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return f"{role_id}:{instance_id}"


def because(code: EventCode, sentence: str) -> EventReason:
    return EventReason(code=code, sentence=sentence)


def entry(now: datetime, reason: EventReason, *, actor: str = DESK, details: Mapping[str, str] | None = None) -> Entry:
    """A line of the timeline that says `reason`."""
    return Entry(at=now, actor=actor, code=reason.code, sentence=reason.sentence, details=details or {})


def nothing(instance: Instance, code: EventCode, sentence: str) -> Plan:
    """Nothing to do, and why."""
    return Plan(instance=instance, reason=because(code, sentence))


def moved(instance: Instance, phase: Phase, reason: EventReason, now: datetime) -> Instance:
    """The instance in another phase, for `reason`."""
    return replace(instance, phase=phase, phase_since=now, reason=reason, told=None)


def told(instance: Instance, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Write the instance as it is given, and a line about it."""
    return Plan(instance=instance, reason=reason, entries=(entry(now, reason, details=details),))


def warn(instance: Instance, warned: Warned, code: EventCode, evidence: str, *, action: Action = Action.STOP) -> Plan:
    """Tell people what will be done, and when.

    :param evidence: why, for the timeline
    :param action: what is announced
    """
    reason = because(code, warned.sentence)
    details = {"stop_at": warned.acts_at.isoformat(), "evidence": evidence, "action": str(action)}
    return Plan(
        instance=replace(instance, warned=warned, told=None),
        reason=reason,
        entries=(entry(warned.at, reason, details=details),),
        own_initiative=True,
    )


def withdraw(instance: Instance, why: str, now: datetime) -> Plan:
    """Take a warning back.

    :param why: a clause or a sentence
    """
    return told(replace(instance, warned=None), warning_cancelled(instance, why), now)


def warning_cancelled(instance: Instance, why: str) -> EventReason:
    """Return the reason that people are notified of when a stop warning no longer applies.

    :param why: a clause or a sentence
    """
    sentence = (
        f"{instance.name} keeps running: the stop warning no longer applies. {to_sentence(why)} gpudesk sends a new "
        f"warning before it stops {instance.name}."
    )
    return because(EventCode.WARNING_CANCELLED, sentence)


def undelivered(instance: Instance, warned: Warned) -> Plan:
    """The time that was warned of has come, and the warning has reached nobody: it is tried again, for a while."""
    until = f"{warned.waits_until:%H:%M}"
    return nothing(
        instance, EventCode.WARNING_UNDELIVERED, f"the warning has reached nobody yet; the stop waits until {until} UTC"
    )


def claim(
    instance: Instance, action: Action, reason: EventReason, now: datetime, kind: WarningKind | None = None
) -> Plan:
    """Write that it is being done, then do it. From this write on a keep comes too late.

    :param reason: why, in full sentences
    :param kind: the warning it follows from; None where a person asked
    """
    claimed = Claim(action=action, at=now, reason=reason, kind=kind, called_at=now)
    phase, step = _course(action, kind)
    desired = instance.spec.desired
    if kind is not None:
        desired = Desired.TERMINATED if action is Action.TERMINATE else Desired.STOPPED
    return Plan(
        instance=replace(
            moved(instance, phase, reason, now),
            claim=claimed,
            warned=None,
            spec=replace(instance.spec, desired=desired),
        ),
        reason=reason,
        entries=(entry(now, _initiated(instance, action, reason), details={"reason_code": str(reason.code)}),),
        step=step,
        own_initiative=kind is not None,
    )


def call_again(instance: Instance, claimed: Claim, step: Step, now: datetime, sentence: str) -> Plan:
    """The same call once more; in the timeline, until an admin has been told that it does not come about."""
    reason = because(RETRIED[claimed.action], sentence)
    return Plan(
        instance=replace(instance, claim=replace(claimed, called_at=now)),
        reason=reason,
        entries=() if claimed.alarmed or claimed.called_at is None else (entry(now, reason),),
        step=step,
    )


def wanted_otherwise(instance: Instance, now: datetime) -> Plan | None:
    """What follows where the owner does not want a machine to run that does."""
    match instance.spec.desired:
        case Desired.RUNNING:
            return None
        case Desired.STOPPED:
            return claim(instance, Action.STOP, because(EventCode.STOP_REQUESTED, "A stop was requested."), now)
        case Desired.TERMINATED:
            return end(instance, now)


def end(instance: Instance, now: datetime) -> Plan:
    """Somebody wants it terminated, whatever it is doing; an image that is being made of it comes first."""
    if instance.is_imaged(now):
        sentence = f"it will be terminated once its image {instance.imaging} is made: GET /images/{instance.imaging}"
        waits = because(EventCode.TERMINATE_PENDING, sentence)
        if instance.told == waits.code:
            return Plan(instance=instance, reason=waits)
        return told(replace(instance, told=waits.code), waits, now)
    reason = because(EventCode.TERMINATE_REQUESTED, "A termination was requested.")
    return claim(instance, Action.TERMINATE, reason, now)


def at_rest(instance: Instance, reason: EventReason, now: datetime) -> Instance:
    """Stopped, by whomever: what was known of the boot that is over counts no more. A keep lasts until its time."""
    return replace(
        moved(instance, Phase.STOPPED, reason, now),
        claim=None,
        warned=None,
        ready_since=None,
        life_began_at=None,
        was_reached=True,
        silent_since=None,
        boot_id=None,
        answer=None,
    )


def gone(instance: Instance, reason: EventReason, now: datetime) -> Plan:
    """The end of the record: nothing of it is billed any more."""
    machine = instance.machine
    ended = replace(
        moved(instance, Phase.TERMINATED, reason, now),
        machine=None,
        claim=None,
        warned=None,
        keep_until=None,
        keep_requested_by=None,
        terminated_at=now,
        spec=replace(instance.spec, desired=Desired.TERMINATED),
    )
    return told(ended, reason, now, **({"instance_id": machine.instance_id} if machine else {}))


def running(instance: Instance) -> Machine:
    """The machine of an instance whose phase says that it has one."""
    if instance.machine is None:
        raise ValueError(f"{instance.id} is {instance.phase} and has no EC2 instance")
    return instance.machine


def _initiated(instance: Instance, action: Action, reason: EventReason) -> EventReason:
    """Return what people are notified of when an action begins: what, why, and what follows."""
    name = instance.name
    match action:
        case Action.START:
            sentence = f"{name} is being started. {reason.sentence}"
        case Action.STOP:
            follows = f"Its root disk stays and is billed. To use {name} again, start it."
            sentence = f"{name} is being stopped. {reason.sentence} {follows}"
        case Action.TERMINATE:
            sentence = f"{name} is being terminated. {reason.sentence} Its disk is deleted."
    return because(INITIATED[action], sentence)


def _course(action: Action, kind: WarningKind | None) -> tuple[Phase, Step]:
    match action:
        case Action.START:
            return Phase.BOOTING, Start()
        case Action.STOP:
            return Phase.STOPPING, Stop(if_still_idle=kind is WarningKind.IDLE)
        case Action.TERMINATE:
            return Phase.TERMINATING, Terminate()
