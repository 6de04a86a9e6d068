"""What every decision may rely on, and the few ways in which a plan is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time, to_sentence
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.plan import Plan, Start, Step, Stop, Terminate
from chalicelib.domain.instances.record import Claim, ClaimAction, Instance, Machine, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import StopWarning, WarningType

INITIATED_CODES: Mapping[ClaimAction, EventCode] = {
    ClaimAction.START: EventCode.START_INITIATED,
    ClaimAction.STOP: EventCode.STOP_INITIATED,
    ClaimAction.TERMINATE: EventCode.TERMINATE_INITIATED,
}
RETRIED_CODES: Mapping[ClaimAction, EventCode] = {
    ClaimAction.START: EventCode.START_RETRIED,
    ClaimAction.STOP: EventCode.STOP_RETRIED,
    ClaimAction.TERMINATE: EventCode.TERMINATE_RETRIED,
}


@dataclass(frozen=True, kw_only=True)
class DecisionContext:
    """What holds for the whole desk.

    :param directory: who can be told by what
    :param scale_script_timeout: how long a script's time limit lasts on the desk's clock
    :param heartbeat_table: the DynamoDB table that probes write to
    :param heartbeat_region: where that table is, whatever the instance's region
    :param instance_role_id: the unique id of the instances' role: what `aws:userid` begins with on an instance
    """

    desk: DeskSettings
    directory: ChannelDirectory = ChannelDirectory()
    heartbeat_table: str
    heartbeat_region: str
    instance_role_id: str
    scale_script_timeout: Callable[[timedelta], timedelta] = lambda limit: limit


def build_heartbeat_key(role_id: str, instance_id: str) -> str:
    """The key of an instance's heartbeat: `aws:userid` of its role's session, which IAM can fence.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return f"{role_id}:{instance_id}"


def because(code: EventCode, message: str) -> EventReason:
    return EventReason(code=code, message=message)


def no_op(instance: Instance, code: EventCode, message: str) -> Plan:
    """Nothing to do, and why."""
    return Plan(instance=instance, reason=EventReason(code=code, message=message))


def with_phase(instance: Instance, phase: Phase, reason: EventReason, now: datetime) -> Instance:
    """The instance in another phase, for `reason`."""
    return replace(instance, phase=phase, phase_since=now, reason=reason, notified=None)


def record_event(instance: Instance, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Write the instance as it is given, and a line about it."""
    return Plan(instance=instance, reason=reason, timeline=(timeline_entry(now, reason, details=details),))


def start_warning(
    instance: Instance, warned: StopWarning, code: EventCode, evidence: str, *, action: ClaimAction = ClaimAction.STOP
) -> Plan:
    """Tell people what will be done, and when.

    :param evidence: why, for the timeline
    :param action: what is announced
    """
    reason = EventReason(code=code, message=warned.message)
    details = {"stop_at": warned.stop_at.isoformat(), "evidence": evidence, "action": str(action)}
    return Plan(
        instance=replace(instance, warning=warned, notified=None),
        reason=reason,
        timeline=(timeline_entry(warned.created_at, reason, details=details),),
        autonomous=True,
    )


def cancel_warning(instance: Instance, cause: str, now: datetime) -> Plan:
    """Take a warning back.

    :param cause: a clause or a sentence
    """
    return record_event(replace(instance, warning=None), warning_cancelled(instance, cause), now)


def warning_cancelled(instance: Instance, cause: str) -> EventReason:
    """Return the reason that people are notified of when a stop warning no longer applies.

    :param cause: a clause or a sentence
    """
    message = (
        f"{instance.name} keeps running: the stop warning no longer applies. {to_sentence(cause)} gpudesk sends a new "
        f"warning before it stops {instance.name}."
    )
    return EventReason(code=EventCode.WARNING_CANCELLED, message=message)


def wait_for_delivery(instance: Instance, warned: StopWarning) -> Plan:
    """The time that was warned of has come, and the warning has reached nobody: it is tried again, for a while."""
    until = format_time(warned.stop_by)
    return no_op(
        instance, EventCode.WARNING_UNDELIVERED, f"the warning has reached nobody yet; the stop waits until {until}"
    )


def start_action(
    instance: Instance, action: ClaimAction, reason: EventReason, now: datetime, kind: WarningType | None = None
) -> Plan:
    """Write that it is being done, then do it. From this write on a keep comes too late.

    :param reason: why, in full sentences
    :param kind: the warning it follows from; None where a person asked
    """
    claimed = Claim(action=action, claimed_at=now, reason=reason, warning_type=kind, last_called_at=now)
    phase, step = _phase_and_step(action, kind)
    desired = instance.spec.desired
    if kind is not None:
        desired = DesiredState.TERMINATED if action is ClaimAction.TERMINATE else DesiredState.STOPPED
    return Plan(
        instance=replace(
            with_phase(instance, phase, reason, now),
            claim=claimed,
            warning=None,
            spec=replace(instance.spec, desired=desired),
        ),
        reason=reason,
        timeline=(
            timeline_entry(now, _initiated(instance, action, reason), details={"reason_code": str(reason.code)}),
        ),
        step=step,
        autonomous=kind is not None,
    )


def retry_action(instance: Instance, claimed: Claim, step: Step, now: datetime, message: str) -> Plan:
    """The same call once more; in the timeline, until an admin has been told that it does not come about."""
    reason = EventReason(code=RETRIED_CODES[claimed.action], message=message)
    return Plan(
        instance=replace(instance, claim=replace(claimed, last_called_at=now)),
        reason=reason,
        timeline=() if claimed.overdue_notified or claimed.last_called_at is None else (timeline_entry(now, reason),),
        step=step,
    )


def plan_desired_state(instance: Instance, now: datetime) -> Plan | None:
    """What follows where the owner does not want a machine to run that does."""
    match instance.spec.desired:
        case DesiredState.RUNNING:
            return None
        case DesiredState.STOPPED:
            return start_action(
                instance,
                ClaimAction.STOP,
                EventReason(code=EventCode.STOP_REQUESTED, message="A stop was requested."),
                now,
            )
        case DesiredState.TERMINATED:
            return plan_termination(instance, now)


def plan_termination(instance: Instance, now: datetime) -> Plan:
    """Somebody wants it terminated, whatever it is doing; an image that is being made of it comes first."""
    image = instance.image_in_progress
    if image and instance.has_image_in_progress(now):
        message = f"it will be terminated once its image {image.id} is made: GET /images/{image.id}"
        waits = EventReason(code=EventCode.TERMINATE_PENDING, message=message)
        if instance.notified == waits.code:
            return Plan(instance=instance, reason=waits)
        return record_event(replace(instance, notified=waits.code), waits, now)
    reason = EventReason(code=EventCode.TERMINATE_REQUESTED, message="A termination was requested.")
    return start_action(instance, ClaimAction.TERMINATE, reason, now)


def to_stopped(instance: Instance, reason: EventReason, now: datetime) -> Instance:
    """Stopped, by whomever: what was known of the boot that is over counts no more. A keep lasts until its time."""
    return replace(
        with_phase(instance, Phase.STOPPED, reason, now),
        claim=None,
        warning=None,
        ready_since=None,
        keep_result=None,
        lifetime=replace(instance.lifetime, started_at=None),
        observed=replace(instance.observed, agent_seen=True, activity_unknown_since=None, boot_id=None),
    )


def to_terminated(instance: Instance, reason: EventReason, now: datetime) -> Plan:
    """The end of the record: nothing of it is billed any more."""
    machine = instance.machine
    ended = replace(
        with_phase(instance, Phase.TERMINATED, reason, now),
        machine=None,
        claim=None,
        warning=None,
        terminated_at=now,
        spec=replace(instance.spec, desired=DesiredState.TERMINATED),
        lifetime=replace(instance.lifetime, keep_until=None, keep_requested_by=None),
    )
    return record_event(ended, reason, now, **({"instance_id": machine.instance_id} if machine else {}))


def require_machine(instance: Instance) -> Machine:
    """The machine of an instance whose phase says that it has one."""
    if instance.machine is None:
        raise ValueError(f"{instance.id} is {instance.phase} and has no EC2 instance")
    return instance.machine


def _initiated(instance: Instance, action: ClaimAction, reason: EventReason) -> EventReason:
    """Return what people are notified of when an action begins: what, why, and what follows."""
    name = instance.name
    match action:
        case ClaimAction.START:
            message = f"{name} is being started. {reason.message}"
        case ClaimAction.STOP:
            follows = f"Its root disk stays and is billed. To use {name} again, start it."
            message = f"{name} is being stopped. {reason.message} {follows}"
        case ClaimAction.TERMINATE:
            message = f"{name} is being terminated. {reason.message} Its disk is deleted."
    return EventReason(code=INITIATED_CODES[action], message=message)


def _phase_and_step(action: ClaimAction, kind: WarningType | None) -> tuple[Phase, Step]:
    match action:
        case ClaimAction.START:
            return Phase.BOOTING, Start()
        case ClaimAction.STOP:
            return Phase.STOPPING, Stop(if_still_idle=kind is WarningType.IDLE)
        case ClaimAction.TERMINATE:
            return Phase.TERMINATING, Terminate()
