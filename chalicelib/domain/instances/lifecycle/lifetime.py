"""Limit the lifetime of every instance to `max_hours`, whatever runs on it and whether its activity is known or not."""

from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time, pluralize
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.lifecycle.actions import begin_action
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.lifecycle.stop_impact import describe_outlook, describe_stop_impact
from chalicelib.domain.instances.lifecycle.stop_warnings import cancel_warning, issue_warning, wait_for_delivery
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.warning import StopWarning, WarningType


def decide_lifetime(instance: Instance, evidence: str, now: datetime, observation: Observation) -> Plan | None:
    """Warn before the lifetime ends, then stop the instance, also if it is busy. A keep moves the end.

    :param evidence: the activity of the instance, in sentences
    :param observation: it says which kernels and sessions a stop would end
    :returns: None while the end is not near
    """
    ends_at, warning_due_at = instance.lifetime_ends_at, instance.lifetime_warning_due_at
    warning = instance.warning if instance.warning and instance.warning.warning_type is WarningType.LIFETIME else None
    if ends_at is None or warning_due_at is None or now < warning_due_at:
        return cancel_warning(instance, f"The lifetime of {instance.name} was extended.", now) if warning else None
    if warning is None:
        return _warn(instance, evidence, observation, now)
    if warning.can_act(now):
        message = f"Its maximum lifetime is over. {warning.delivery_summary}"
        reason = EventReason(code=EventCode.LIFETIME_OVER, message=message)
        return begin_action(instance, ClaimAction.STOP, reason, now, WarningType.LIFETIME)
    if now >= warning.stop_at:
        return wait_for_delivery(instance, warning)
    message = f"The lifetime of {instance.name} ends. It will be stopped at {format_time(warning.stop_at)}."
    return no_op(instance, EventCode.LIFETIME_WARNING_ACTIVE, message)


def _warn(instance: Instance, evidence: str, observation: Observation, now: datetime) -> Plan:
    ends_at = instance.lifetime_ends_at or now
    stop_at = max(ends_at, now + instance.spec.policy.idle.warning_period)
    impact = f"{describe_stop_impact(instance, observation.heartbeat)}{describe_outlook(observation)}"
    message = (
        f"{_describe_end(instance)} at {format_time(ends_at)}. It will be stopped at {format_time(stop_at)}, even if "
        f"it is in use. {evidence} {impact} To run it longer, press Keep."
    )
    warning = StopWarning(warning_type=WarningType.LIFETIME, created_at=now, stop_at=stop_at, message=message)
    return issue_warning(instance, warning, EventCode.LIFETIME_WARNING, evidence)


def _describe_end(instance: Instance) -> str:
    if instance.lifetime.keep_until and instance.lifetime.keep_until == instance.lifetime_ends_at:
        return f"The keep of {instance.name} ends"
    return f"{instance.name} reaches its maximum lifetime of {pluralize(instance.spec.policy.max_hours, 'hour')}"
