"""`max_hours`: what bounds every instance, whatever it does and whatever is known of it."""

from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time, pluralize
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.lifecycle.plans import (
    cancel_warning,
    no_op,
    start_action,
    start_warning,
    wait_for_delivery,
)
from chalicelib.domain.instances.lifecycle.stop_impact import describe_stop_impact
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import ClaimAction, Instance
from chalicelib.domain.instances.warning import StopWarning, WarningType


def decide_lifetime(instance: Instance, evidence: str, now: datetime, report: DecodedHeartbeat = None) -> Plan | None:
    """Warned of `warning_minutes` before its end, stopped then, also if it is busy; a keep moves the end.

    :param evidence: what it is doing, as a clause
    :param report: the machine's own, for what a stop would end
    :returns: None while its end is not near
    """
    ends_at, warned = instance.lifetime_ends_at, instance.warning
    notice = instance.spec.policy.idle.warning_period
    if ends_at is None or now < ends_at - notice:
        is_moved = warned is not None and warned.warning_type is WarningType.LIFETIME
        return cancel_warning(instance, "its lifetime was extended", now) if is_moved else None
    if warned is None or warned.warning_type is not WarningType.LIFETIME:
        stop_at = max(ends_at, now + notice)
        message = (
            f"{_what_ends(instance)} at {format_time(ends_at)}. It will be stopped at {format_time(stop_at)}, even if "
            f"it is in use ({evidence}). {describe_stop_impact(instance, report)}. To run it longer, press Keep."
        )
        warned = StopWarning(warning_type=WarningType.LIFETIME, created_at=now, stop_at=stop_at, message=message)
        return start_warning(instance, warned, EventCode.LIFETIME_WARNING, evidence)
    if warned.can_act(now):
        reason = EventReason(
            code=EventCode.LIFETIME_OVER, message=f"Its maximum lifetime is over. {warned.delivery_summary}"
        )
        return start_action(instance, ClaimAction.STOP, reason, now, WarningType.LIFETIME)
    if now >= warned.stop_at:
        return wait_for_delivery(instance, warned)
    return no_op(
        instance,
        EventCode.LIFETIME_WARNING_ACTIVE,
        f"its lifetime is over: it will be stopped at {format_time(warned.stop_at)}",
    )


def _what_ends(instance: Instance) -> str:
    if instance.lifetime.keep_until and instance.lifetime.keep_until == instance.lifetime_ends_at:
        return f"The keep of {instance.name} ends"
    return f"{instance.name} reaches its maximum lifetime of {pluralize(instance.spec.policy.max_hours, 'hour')}"
