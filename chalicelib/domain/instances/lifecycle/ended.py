"""Failed, stopping, stopped, terminating: done only when EC2 says so."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import (
    FAILED_RECORD_RETENTION,
    STOP_FORCE_AFTER,
    STOP_OVERDUE_AFTER,
    STOP_RETRY_AFTER,
)
from chalicelib.domain.common.errors import AwsError, PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration, format_time, to_sentence
from chalicelib.domain.instances.lifecycle.machine_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.plans import (
    DecisionContext,
    no_op,
    plan_desired_state,
    plan_termination,
    record_event,
    require_machine,
    retry_action,
    start_action,
    start_warning,
    to_stopped,
    to_terminated,
    wait_for_delivery,
    with_phase,
)
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import NoLongerIdle, Plan, Stop, Terminate
from chalicelib.domain.instances.record import Claim, ClaimAction, Ec2State, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import StopWarning, WarningType


def decide_failed(instance: Instance, observation: Observation, now: datetime, rules: DecisionContext) -> Plan:
    """A failed instance does not bill for ever: warned when it failed, then stopped; without a machine, closed."""
    if instance.machine is None:
        if instance.spec.desired is DesiredState.TERMINATED or now - instance.phase_since > FAILED_RECORD_RETENTION:
            return to_terminated(
                instance,
                EventReason(code=EventCode.FAILED_RECORD_CLOSED, message=f"closed: {instance.reason.message}"),
                now,
            )
        return no_op(instance, EventCode.FAILED, instance.reason.message)
    otherwise = plan_desired_state(instance, now) or process_heartbeat(instance, observation, now, rules)
    if otherwise:
        return otherwise
    if instance.has_keep(now):
        return no_op(instance, EventCode.KEEP_ACTIVE, "failed, and kept for somebody to look into")
    warned = instance.warning
    if warned is None:
        stop_at = now + instance.spec.policy.idle.warning_period
        message = (
            f"{instance.name} will be stopped at {format_time(stop_at)}, because its setup failed. To leave it "
            f"running, press Keep or run gpudesk-keep 4h on it. {instance.reason.message}"
        )
        warned = StopWarning(warning_type=WarningType.FAILED, created_at=now, stop_at=stop_at, message=message)
        return start_warning(instance, warned, EventCode.FAILED_WARNING, instance.reason.message)
    if now < warned.stop_at:
        return no_op(instance, EventCode.FAILED, instance.reason.message)
    if not warned.can_act(now):
        return wait_for_delivery(instance, warned)
    return start_action(
        instance,
        ClaimAction.STOP,
        EventReason(code=EventCode.FAILED, message=f"Its setup failed. {warned.delivery_summary}"),
        now,
        WarningType.FAILED,
    )


def decide_stopping(instance: Instance, now: datetime) -> Plan:
    """Until EC2 says stopped: asked again, then by force, then a person is told."""
    if instance.spec.desired is DesiredState.TERMINATED:
        return plan_termination(instance, now)
    if require_machine(instance).state is Ec2State.STOPPED:
        reason = EventReason(code=EventCode.STOPPED, message=f"Stopped. {_why(instance)}")
        plan = record_event(to_stopped(instance, reason, now), reason, now)
        return replace(plan, requeue=instance.spec.desired is DesiredState.RUNNING)
    asked = instance.claim
    if asked is None:
        return no_op(instance, EventCode.STOPPING, "EC2 is stopping it, not by the desk")
    step = Stop(
        force=now - asked.claimed_at >= STOP_FORCE_AFTER,
        if_still_idle=asked.warning_type is WarningType.IDLE and require_machine(instance).state is Ec2State.RUNNING,
    )
    return _keep_retrying(instance, asked, step, now)


def decide_stopped(instance: Instance, now: datetime) -> Plan:
    """At rest; the disk is billed."""
    match instance.spec.desired:
        case DesiredState.RUNNING:
            plan = start_action(
                instance, ClaimAction.START, EventReason(code=EventCode.STARTING, message="A start was requested."), now
            )
            return replace(
                plan,
                instance=replace(
                    plan.instance, ready_since=None, lifetime=replace(plan.instance.lifetime, started_at=now)
                ),
            )
        case DesiredState.TERMINATED:
            return plan_termination(instance, now)
        case DesiredState.STOPPED:
            return no_op(instance, EventCode.STOPPED, instance.reason.message)


def decide_terminating(instance: Instance, now: datetime) -> Plan:
    """Until EC2 says terminated."""
    asked = instance.claim
    if asked is None:
        return no_op(instance, EventCode.TERMINATING, "EC2 is terminating it, not by the desk")
    return _keep_retrying(instance, asked, Terminate(), now)


def cancel_stop(instance: Instance, outcome: NoLongerIdle, now: datetime) -> Plan:
    """There was activity between the decision and the stop: the claim is taken back, nothing was called."""
    if instance.claim is None or instance.claim.warning_type is not WarningType.IDLE:
        return no_op(instance, EventCode.SUPERSEDED, "somebody has asked for a stop since")
    message = (
        f"{instance.name} was not stopped. {to_sentence(outcome.reason.message)} gpudesk sends a new warning before "
        "it stops it."
    )
    reason = EventReason(code=EventCode.STOP_CANCELLED, message=message)
    back = replace(with_phase(instance, Phase.READY, reason, now), claim=None)
    if instance.spec.desired is DesiredState.TERMINATED:
        return replace(record_event(back, reason, now), requeue=True)
    return record_event(replace(back, spec=replace(instance.spec, desired=DesiredState.RUNNING)), reason, now)


def record_call_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """AWS did not take a stop or terminate: it is asked again; what cannot pass by itself is told once."""
    asked = instance.claim
    if not isinstance(error, PermanentAwsError) or asked is None or instance.notified == error.code:
        return no_op(instance, EventCode.RETRYING, f"AWS did not take the call ({error.code}); it is asked again")
    refused = EventCode.TERMINATE_REFUSED if asked.action is ClaimAction.TERMINATE else EventCode.STOP_REFUSED
    message = (
        f"{instance.name} could not be {_done(asked)}: AWS rejected the call. {to_sentence(error.description)} "
        f"It is billed, and gpudesk calls again every {format_duration(STOP_RETRY_AFTER)}. An admin has to remove the "
        f"cause, or {asked.action} it in the EC2 console."
    )
    reason = EventReason(code=refused, message=message)
    return record_event(replace(instance, notified=error.code), reason, now)


def _keep_retrying(instance: Instance, asked: Claim, step: Stop | Terminate, now: datetime) -> Plan:
    state = require_machine(instance).state
    if now - asked.claimed_at >= STOP_OVERDUE_AFTER and not asked.overdue_notified:
        message = (
            f"{instance.name} has not {_done(asked)} for {format_duration(now - asked.claimed_at)}: EC2 still says "
            f"{state}. It is billed, and gpudesk calls again. An admin has to look at it in the EC2 console (state "
            "transition reason)."
        )
        overdue = EventCode.TERMINATE_OVERDUE if asked.action is ClaimAction.TERMINATE else EventCode.STOP_OVERDUE
        reason = EventReason(code=overdue, message=message)
        return record_event(replace(instance, claim=replace(asked, overdue_notified=True)), reason, now)
    waits = state is Ec2State.STOPPING and isinstance(step, Stop) and not step.force
    waiting = EventCode.STOPPING if instance.phase is Phase.STOPPING else EventCode.TERMINATING
    if waits or (asked.last_called_at and now - asked.last_called_at < STOP_RETRY_AFTER):
        return no_op(instance, waiting, f"EC2 was asked to {asked.action} it and says {state}")
    by_force = ", by force" if isinstance(step, Stop) and step.force else ""
    return retry_action(instance, asked, step, now, f"EC2 still says {state}: asking again{by_force}")


def _why(instance: Instance) -> str:
    return instance.claim.reason.message if instance.claim else "gpudesk did not stop it."


def _done(asked: Claim) -> str:
    return "terminated" if asked.action is ClaimAction.TERMINATE else "stopped"
