"""Decide for an instance that is stopping, stopped or terminating. A stop is complete when EC2 reports `stopped`."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.deadlines import CALL_RETRY_AFTER, STOP_FORCE_AFTER, STOP_OVERDUE_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.desk.settings import PAUSE_END, Mode
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, EndCause
from chalicelib.domain.instances.lifecycle.actions import (
    OVERDUE_CODES,
    begin_action,
    describe_request,
    plan_termination,
    retry_action,
)
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, is_entry_due, record_once
from chalicelib.domain.instances.lifecycle.plans import (
    no_op,
    record_event,
    require_ec2_instance,
    to_stopped,
    with_phase,
)
from chalicelib.domain.instances.lifecycle.resize import plan_type_change
from chalicelib.domain.instances.lifecycle.spot_return import build_interrupted_reason, wait_for_ec2
from chalicelib.domain.instances.lifecycle.spot_termination import wait_for_cancellation
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.outcome import NoLongerIdle
from chalicelib.domain.instances.plan import Plan, Stop, Terminate
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType


def decide_stopping(instance: Instance, now: datetime, mode: Mode) -> Plan:
    """Wait until EC2 says stopped: call again, then stop by force, then notify people."""
    if instance.spec.desired is DesiredState.TERMINATED:
        return plan_termination(instance, now)
    ec2_instance, claim = require_ec2_instance(instance), instance.claim
    if ec2_instance.state is Ec2State.STOPPED:
        reason = _build_stopped_reason(instance, ec2_instance)
        plan = record_event(to_stopped(instance, reason, now), reason, now)
        return replace(plan, requeue=instance.spec.desired is DesiredState.RUNNING)
    if claim is None:
        message = f"EC2 is stopping {instance.name}. gpudesk did not request that."
        return no_op(instance, EventCode.STOPPING, message)
    step = Stop(
        force=now - claim.calling_since >= STOP_FORCE_AFTER,
        if_still_idle=claim.must_be_idle and ec2_instance.state is Ec2State.RUNNING,
    )
    return _keep_retrying(instance, claim, step, now, mode)


def decide_stopped(instance: Instance, observation: Observation, now: datetime) -> Plan:
    """Start or terminate a stopped instance if somebody requested that. Its disk is billed meanwhile."""
    match instance.spec.desired:
        case DesiredState.RUNNING:
            waiting = wait_for_ec2(instance, observation, now)
            if waiting:
                return waiting
            reason = EventReason(code=EventCode.START_REQUESTED, message=describe_request(instance))
            plan = begin_action(instance, ClaimAction.START, reason, now)
            lifetime = replace(plan.instance.lifetime, started_at=now)
            observed = replace(plan.instance.observed, interruption=None)
            started = replace(plan.instance, ready_since=None, lifetime=lifetime, observed=observed)
            claim = started.claim
            change = plan_type_change(started, replace(claim, last_called_at=None), now) if claim else None
            started_plan = replace(plan, instance=started)
            return replace(started_plan, instance=change.instance, step=change.step) if change else started_plan
        case DesiredState.TERMINATED:
            return plan_termination(instance, now)
        case DesiredState.STOPPED:
            return no_op(instance, EventCode.STOPPED, instance.reason.message)


def decide_terminating(instance: Instance, observation: Observation, now: datetime, mode: Mode) -> Plan:
    """Wait until EC2 says terminated: call again, then notify people. A spot request is cancelled first."""
    claim = instance.claim
    if claim is None:
        message = f"EC2 is terminating {instance.name}. gpudesk did not request that."
        return no_op(instance, EventCode.TERMINATING, message)
    if _is_overdue(instance, claim, now):
        return _notify_overdue(instance, claim, now, mode)
    waiting = wait_for_cancellation(instance, claim, observation, now)
    return waiting or _keep_retrying(instance, claim, Terminate(), now, mode)


def cancel_stop(instance: Instance, outcome: NoLongerIdle, now: datetime) -> Plan:
    """Make an instance ready again that was in use before gpudesk called AWS to stop it."""
    if instance.claim is None or instance.claim.warning_type is not WarningType.IDLE:
        message = f"Somebody has requested a stop of {instance.name} meanwhile."
        return no_op(instance, EventCode.SUPERSEDED, message)
    message = (
        f"{instance.name} was not stopped. {outcome.reason.message} gpudesk sends a new warning before it stops "
        f"{instance.name}."
    )
    reason = EventReason(code=EventCode.STOP_CANCELLED, message=message)
    ready = replace(with_phase(instance, Phase.READY, reason, now), claim=None)
    if instance.spec.desired is DesiredState.TERMINATED:
        return replace(record_event(ready, reason, now), requeue=True)
    return record_event(
        replace(ready, spec=replace(instance.spec, desired=DesiredState.RUNNING), state_request=None), reason, now
    )


def record_call_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """Record that AWS did not accept a stop or a termination; gpudesk calls again.

    People are notified of an error that does not pass by itself, again for another error, and reminded each day.
    """
    claim = instance.claim
    if not isinstance(error, PermanentAwsError) or claim is None:
        message = f"AWS did not accept the call for {instance.name} ({error.code}). gpudesk calls again."
        return no_op(instance, EventCode.RETRYING, message)
    code = EventCode.TERMINATE_REFUSED if claim.action is ClaimAction.TERMINATE else EventCode.STOP_REFUSED
    if claim.rejection_code != error.code:
        instance = replace(forget_facts(instance, code), claim=replace(claim, rejection_code=error.code))
    message = (
        f"{instance.name} could not be {_get_participle(claim)}: AWS rejected the call. {error.description} AWS bills "
        f"{instance.name} meanwhile, and gpudesk calls again every {format_duration(CALL_RETRY_AFTER)}. An admin must "
        f"remove the cause, or {claim.action} the instance in the EC2 console."
    )
    return record_once(instance, code, EventReason(code=code, message=message), now)


def _build_stopped_reason(instance: Instance, ec2_instance: Ec2Instance) -> EventReason:
    """Return why an instance is stopped. EC2 may have interrupted it before gpudesk's own stop took effect."""
    if ec2_instance.state_reason and ec2_instance.state_reason.cause is EndCause.SPOT:
        return build_interrupted_reason(instance, ec2_instance)
    cause = instance.claim.reason.message if instance.claim else "gpudesk did not stop it."
    message = f"{instance.name} is stopped. {cause}{ec2_instance.unexpected_reason_text}"
    return EventReason(code=EventCode.STOPPED, message=message)


def _keep_retrying(instance: Instance, claim: Claim, step: Stop | Terminate, now: datetime, mode: Mode) -> Plan:
    """Wait for EC2, call again every `CALL_RETRY_AFTER`, and notify people after `STOP_OVERDUE_AFTER`."""
    name, state = instance.name, require_ec2_instance(instance).state
    if _is_overdue(instance, claim, now):
        return _notify_overdue(instance, claim, now, mode)
    is_forced = isinstance(step, Stop) and step.force
    is_in_progress = state is Ec2State.STOPPING and isinstance(step, Stop) and not is_forced
    if is_in_progress or (claim.last_called_at and now - claim.last_called_at < CALL_RETRY_AFTER):
        code = EventCode.STOPPING if instance.phase is Phase.STOPPING else EventCode.TERMINATING
        return no_op(instance, code, f"gpudesk called EC2 to {claim.action} {name}. EC2 says {state}.")
    by_force = " by force" if is_forced else ""
    message = f"EC2 still says {state} for {name}. gpudesk calls again to {claim.action} it{by_force}."
    return retry_action(instance, claim, step, now, message)


def _is_overdue(instance: Instance, claim: Claim, now: datetime) -> bool:
    """Return whether people must be notified, or reminded, that an action has taken too long."""
    return now - claim.calling_since >= STOP_OVERDUE_AFTER and is_entry_due(instance, OVERDUE_CODES[claim.action], now)


def _notify_overdue(instance: Instance, claim: Claim, now: datetime, mode: Mode) -> Plan:
    follows = f"is paused: it calls again when {PAUSE_END}" if mode is Mode.PAUSED else "calls again"
    ec2_instance = require_ec2_instance(instance)
    message = (
        f"{instance.name} has not {_get_participle(claim)} for {format_duration(now - claim.calling_since)}: EC2 still "
        f"says {ec2_instance.state}.{ec2_instance.reason_text} {_describe_bill(instance)} "
        f"gpudesk {follows}. An admin should look for the cause in the EC2 console."
    )
    code = OVERDUE_CODES[claim.action]
    return record_once(instance, code, EventReason(code=code, message=message), now)


def _describe_bill(instance: Instance) -> str:
    """Return what AWS bills now, as a sentence.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    """
    if require_ec2_instance(instance).state is Ec2State.RUNNING:
        return f"AWS bills {instance.name} meanwhile."
    return "AWS bills only its disk meanwhile."


def _get_participle(claim: Claim) -> str:
    return "terminated" if claim.action is ClaimAction.TERMINATE else "stopped"
