"""Start a stopped instance: call StartInstances again, or abandon the start."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.deadlines import START_DEADLINE, STOP_RETRY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.hardware import describe_arch_mismatch
from chalicelib.domain.instances.lifecycle.actions import describe_request, retry_action
from chalicelib.domain.instances.lifecycle.ended_launch import find_advice
from chalicelib.domain.instances.lifecycle.plans import (
    get_calling_since,
    no_op,
    record_event,
    require_ec2_instance,
    with_phase,
)
from chalicelib.domain.instances.plan import Plan, Start
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def record_start_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """Record that AWS did not accept StartInstances: call again, or abandon the start if the error cannot pass."""
    match error:
        case InsufficientCapacity():
            cause = f"AWS has no capacity for {instance.name} in its zone ({error.code})."
            instance = _with_last_error(instance, cause)
            reason = EventReason(code=EventCode.NO_CAPACITY_YET, message=f"{cause} gpudesk tries again.")
            if instance.reason == reason:
                return _retry_later(instance)
            return record_event(replace(instance, reason=reason), reason, now)
        case QuotaExceeded() | PermanentAwsError():
            return abandon_start(instance, f"AWS rejected the start: {error.description}", now)
        case _:
            return _retry_later(_with_last_error(instance, f"AWS did not accept the start: {error.description}"))


def record_accepted_start(instance: Instance) -> Plan:
    """Record that AWS accepted StartInstances. The next observation shows whether the instance starts."""
    message = f"AWS accepted the start of {instance.name}."
    return no_op(_with_last_error(instance, None), EventCode.NO_CHANGE, message)


def abandon_start(instance: Instance, cause: str, now: datetime) -> Plan:
    """Make no more attempts to start the instance. It stays stopped until somebody starts it again.

    :param cause: one or more sentences
    """
    advice = find_arch_mismatch(instance) or "Start it again later, or launch another instance."
    message = f"{instance.name} could not be started and stays stopped. {cause} {advice}"
    reason = EventReason(code=EventCode.START_FAILED, message=message)
    stopped = replace(with_phase(instance, Phase.STOPPED, reason, now), claim=None)
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
    """Call StartInstances again while EC2 still shows the instance as stopped, at most until `START_DEADLINE`."""
    if now - get_calling_since(instance.phase_since, desk, now) > START_DEADLINE:
        last_error = f" {instance.claim.last_error}" if instance.claim and instance.claim.last_error else ""
        cause = (
            f"EC2 did not start it within {format_duration(START_DEADLINE)}.{last_error}"
            f"{_describe_failed_start(require_ec2_instance(instance))}"
        )
        return abandon_start(instance, cause, now)
    claim = instance.claim or Claim(
        action=ClaimAction.START,
        claimed_at=now,
        reason=EventReason(code=EventCode.START_REQUESTED, message=describe_request(instance)),
    )
    if claim.last_called_at and now - claim.last_called_at < STOP_RETRY_AFTER:
        return no_op(instance, EventCode.STARTING, claim.last_error or f"EC2 accepted the start of {instance.name}.")
    reason = require_ec2_instance(instance).unexpected_reason_text
    cause = claim.last_error or f"EC2 still shows {instance.name} as stopped.{reason}"
    message = f"{cause} gpudesk starts it again."
    return retry_action(instance, claim, Start(), now, message)


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
