"""Start a stopped instance: call StartInstances again, wait for capacity, or abandon the start."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.deadlines import CALL_RETRY_AFTER, START_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.hardware import describe_arch_mismatch
from chalicelib.domain.instances.lifecycle.actions import describe_request, retry_action
from chalicelib.domain.instances.lifecycle.ended_launch import find_advice
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, require_ec2_instance, with_phase
from chalicelib.domain.instances.lifecycle.quota_refusals import describe_quota_advice
from chalicelib.domain.instances.lifecycle.refusal_advice import find_admin_advice
from chalicelib.domain.instances.lifecycle.resize import plan_type_change, record_changed_type
from chalicelib.domain.instances.lifecycle.start_wait import find_start_deadline, record_ended_start, record_refusal
from chalicelib.domain.instances.plan import ChangeType, Plan, Start
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import StartBeyondQuota, StartState, describe_capacity_advice

NOT_OFFERED = "Unsupported"
"""Code of EC2 for a zone that does not offer the type. No time changes that, and another size may be offered."""

START_DEADLINE_TEXT = format_duration(START_DEADLINE)


def record_start_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """Record that AWS did not accept a start, or the change of the type before it.

    gpudesk waits for capacity, calls again after an error that can pass, and abandons the start after any other.
    """
    call = f"change of its type to {instance.start.instance_type}" if instance.start.instance_type else "start"
    match error:
        case InsufficientCapacity(code=code) if code == NOT_OFFERED:
            return abandon_start(instance, f"AWS rejected the {call}: {error.description}", now)
        case InsufficientCapacity():
            return record_refusal(instance, error, now)
        case StartBeyondQuota(figures=figures):
            cause = f"AWS rejected the {call}: {error.description} {figures}".rstrip()
            return abandon_start(instance, cause, now, describe_quota_advice(instance))
        case QuotaExceeded() | PermanentAwsError():
            cause = f"AWS rejected the {call}: {error.description}"
            admin_advice = find_admin_advice(error)
            return abandon_start(instance, cause, now, f"{admin_advice} Then start it again." if admin_advice else "")
        case _:
            return _retry_later(_with_last_error(instance, f"AWS did not accept the {call}: {error.description}"))


def record_accepted_call(instance: Instance, step: Start | ChangeType) -> Plan:
    """Record that AWS accepted a start, or the change of the type before it. The next observation shows the effect."""
    if isinstance(step, ChangeType):
        return record_changed_type(instance)
    message = f"AWS accepted the start of {instance.name}."
    return no_op(_with_last_error(instance, None), EventCode.NO_CHANGE, message)


def abandon_start(instance: Instance, cause: str, now: datetime, advice: str = "") -> Plan:
    """Make no more attempts to start the instance. It stays stopped until somebody starts it again.

    :param cause: one or more sentences
    :param advice: what people can do, as sentences; empty: what is known of the instance decides
    """
    advice = advice or find_arch_mismatch(instance) or _find_choices(instance)
    message = f"{instance.name} could not be started and stays stopped. {cause} {advice}"
    reason = EventReason(code=EventCode.START_FAILED, message=message)
    stopped = replace(with_phase(instance, Phase.STOPPED, reason, now), claim=None, start=StartState())
    if instance.spec.desired is not DesiredState.RUNNING:
        return replace(record_event(stopped, reason, now), requeue=True)
    return record_event(
        replace(stopped, spec=replace(instance.spec, desired=DesiredState.STOPPED), state_request=None), reason, now
    )


def find_arch_mismatch(instance: Instance) -> str | None:
    """Return that its type was changed to one that its AMI cannot run on, as sentences; None if that is not known."""
    hardware, ec2_instance = instance.spec.hardware, instance.ec2_instance
    image_arch = ec2_instance.image_arch if ec2_instance else None
    return describe_arch_mismatch(hardware.instance_type, hardware.arch, image_arch)


def retry_start(instance: Instance, now: datetime, desk: DeskSettings) -> Plan:
    """Call StartInstances again while EC2 still shows the instance as stopped, until its deadline.

    A requested change of its type comes first.
    """
    start = instance.start
    if now > find_start_deadline(instance, desk, now):
        last_error = f" {instance.claim.last_error}" if instance.claim and instance.claim.last_error else ""
        limit = f"by {format_date_time(start.wait_until)}" if start.wait_until else f"within {START_DEADLINE_TEXT}"
        cause = f"EC2 did not start it {limit}.{last_error}{_describe_failed_start(require_ec2_instance(instance))}"
        return abandon_start(instance, cause, now)
    ended = record_ended_start(instance, now)
    if ended:
        return ended
    claim = instance.claim or Claim(
        action=ClaimAction.START,
        claimed_at=now,
        reason=EventReason(code=EventCode.START_REQUESTED, message=describe_request(instance)),
    )
    change = plan_type_change(instance, claim, now)
    if change:
        return change
    if start.retry_at and now < start.retry_at:
        return no_op(instance, EventCode.START_WAITING, f"{start.last_refusal} gpudesk tries again later.")
    if claim.last_called_at and now - claim.last_called_at < CALL_RETRY_AFTER:
        return no_op(instance, EventCode.STARTING, claim.last_error or f"EC2 accepted the start of {instance.name}.")
    reason = require_ec2_instance(instance).unexpected_reason_text
    cause = claim.last_error or f"EC2 still shows {instance.name} as stopped.{reason}"
    message = f"{cause} gpudesk starts it again."
    plan = retry_action(instance, claim, Start(), now, message)
    return replace(plan, timeline=()) if start.refused_since else plan


def _find_choices(instance: Instance) -> str:
    """Return what to do about a start that failed, as sentences."""
    if instance.start.refused_since:
        return describe_capacity_advice(instance.start, can_move=not instance.is_adopted_on_request)
    return "Start it again later, or launch another instance."


def _describe_failed_start(ec2_instance: Ec2Instance) -> str:
    """Return why EC2 stopped an instance again that it had begun to start, and what to do, as sentences."""
    reason = ec2_instance.state_reason
    advice = find_advice(reason.cause) if reason else None
    return f"{ec2_instance.unexpected_reason_text}{f' {advice}' if advice else ''}"


def _retry_later(instance: Instance) -> Plan:
    return no_op(instance, EventCode.RETRYING, f"gpudesk tries to start {instance.name} again.")


def _with_last_error(instance: Instance, last_error: str | None) -> Instance:
    """Return the record with the error of the last start, which is named if no later call succeeds."""
    return replace(instance, claim=replace(instance.claim, last_error=last_error)) if instance.claim else instance
