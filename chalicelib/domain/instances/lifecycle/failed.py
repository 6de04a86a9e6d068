"""Decide for a failed instance: warn and stop it, or close its record if it has no EC2 instance."""

from datetime import datetime

from chalicelib.domain.common.deadlines import FAILED_RECORD_RETENTION
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_time
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.lifecycle.actions import begin_action, plan_desired_state
from chalicelib.domain.instances.lifecycle.heartbeat_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, no_op, to_terminated
from chalicelib.domain.instances.lifecycle.stop_impact import describe_hook, describe_keep
from chalicelib.domain.instances.lifecycle.stop_warnings import issue_warning, wait_for_delivery
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import StopWarning, WarningType


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Stop a failed instance after a warning, so that it is not billed without end; close a record without one."""
    if instance.ec2_instance is None:
        return _close_failed_record(instance, now)
    plan = plan_desired_state(instance, now) or process_heartbeat(instance, observation, now, context)
    if plan:
        return plan
    if instance.lifetime.keep_until and instance.has_keep(now):
        until = format_date_time(instance.lifetime.keep_until)
        message = f"{instance.name} failed. It is kept until {until}, so that somebody can look for the cause."
        return no_op(instance, EventCode.KEEP_ACTIVE, message)
    warning = instance.warning
    if warning is None:
        return _warn_of_failure(instance, now)
    if now < warning.stop_at:
        return no_op(instance, EventCode.FAILED, instance.reason.message)
    if not warning.can_act(now):
        return wait_for_delivery(instance, warning)
    reason = EventReason(code=EventCode.FAILED, message=f"Its setup failed. {warning.delivery_summary}")
    return begin_action(instance, ClaimAction.STOP, reason, now, WarningType.FAILED)


def _close_failed_record(instance: Instance, now: datetime) -> Plan:
    """Close the record of a failed launch when somebody terminates it, or after `FAILED_RECORD_RETENTION`."""
    if instance.spec.desired is DesiredState.TERMINATED or now - instance.phase_since > FAILED_RECORD_RETENTION:
        message = f"The record of {instance.name} is closed. {instance.reason.message}"
        return to_terminated(instance, EventReason(code=EventCode.FAILED_RECORD_CLOSED, message=message), now)
    return no_op(instance, EventCode.FAILED, instance.reason.message)


def _warn_of_failure(instance: Instance, now: datetime) -> Plan:
    stop_at = now + instance.spec.policy.idle.warning_period
    message = (
        f"{instance.name} will be stopped at {format_time(stop_at)}, because its setup failed. To leave it running, "
        f"{describe_keep(instance)}. {instance.reason.message}{describe_hook(instance)}"
    )
    warning = StopWarning(warning_type=WarningType.FAILED, created_at=now, stop_at=stop_at, message=message)
    return issue_warning(instance, warning, EventCode.FAILED_WARNING, instance.reason.message)
