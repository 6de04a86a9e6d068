"""Announce a stop or a termination, cancel the announcement, and wait until it is delivered."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time, format_timestamp
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.warning import StopWarning, WarningDelivery, WarningType


def issue_warning(
    instance: Instance, warning: StopWarning, code: EventCode, evidence: str, *, action: ClaimAction = ClaimAction.STOP
) -> Plan:
    """Announce to people what gpudesk will do, and when.

    :param evidence: one or more sentences that prove the reason; the timeline stores them
    :param action: the announced action
    """
    reason = EventReason(code=code, message=warning.message)
    details = {"stop_at": format_timestamp(warning.stop_at), "evidence": evidence, "action": str(action)}
    return Plan(
        instance=replace(forget_facts(instance, code), warning=warning),
        reason=reason,
        timeline=(timeline_entry(warning.created_at, reason, details=details),),
        autonomous=True,
    )


def announces_stop(before: Instance, plan: Plan) -> bool:
    """Return whether the plan has a new warning of a stop for idleness or at the end of the lifetime."""
    warning = plan.instance.warning
    is_new = warning is not None and (before.warning is None or before.warning.id != warning.id)
    return is_new and warning is not None and warning.warning_type in (WarningType.IDLE, WarningType.LIFETIME)


def cancel_warning(instance: Instance, cause: str, now: datetime) -> Plan:
    """Cancel the stop warning of an instance and notify people of that.

    :param cause: one or more sentences
    """
    return record_event(replace(instance, warning=None), build_cancellation_reason(instance, cause), now)


def build_cancellation_reason(instance: Instance, cause: str) -> EventReason:
    """Return the reason that people are notified of when a stop warning no longer applies.

    :param cause: one or more sentences
    """
    message = (
        f"{instance.name} keeps running: the stop warning no longer applies. {cause} gpudesk sends a new warning "
        f"before it stops {instance.name}."
    )
    return EventReason(code=EventCode.WARNING_CANCELLED, message=message)


def wait_for_delivery(instance: Instance, warning: StopWarning) -> Plan:
    """Do nothing, although the announced time has come: the warning is not delivered, or people may still react."""
    by = format_time(warning.stop_by)
    state, awaited = ("was delivered late", "reaction") if warning.deliveries else ("is not delivered yet", "delivery")
    message = f"The stop warning of {instance.name} {state}. gpudesk waits for a {awaited} until {by} at the latest."
    return no_op(instance, EventCode.WARNING_UNDELIVERED, message)


def record_delivery(instance: Instance, warning_id: str, channel: str, now: datetime) -> Plan | None:
    """Record that a channel has delivered the stop warning.

    :returns: None if that is known, or if the instance has no such warning any more
    """
    warning = instance.warning
    if warning is None or warning.id != warning_id or warning.is_delivered_by(channel):
        return None
    delivery = WarningDelivery(channel=channel, delivered_at=now)
    message = f"The stop warning of {instance.name} was delivered by {channel}."
    return record_event(
        replace(instance, warning=replace(warning, deliveries=(*warning.deliveries, delivery))),
        EventReason(code=EventCode.WARNING_DELIVERED, message=message),
        now,
        channel=channel,
        warning=warning_id,
    )
