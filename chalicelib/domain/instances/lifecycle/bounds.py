"""The admin's limits, which bind what lives already as they bind what is asked for."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.policy_limits import clamp
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.lifecycle.plans import because, record_event
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


def apply_limits(instance: Instance, limits: Limits, now: datetime) -> Plan | None:
    """What follows where the policy of an instance is beyond what the admin has allowed since; None: it is not.

    Nobody is surprised by it: whatever follows from the new bounds is warned of first.
    """
    policy, max_hours = clamp(instance.spec.idle_policy, instance.spec.max_hours, limits)
    if not instance.is_active or (policy, max_hours) == (instance.spec.idle_policy, instance.spec.max_hours):
        return None
    message = (
        f"the admin has bounded its policy: idle {policy.idle_minutes} minutes, warning {policy.warning_minutes} "
        f"minutes, at most {max_hours} hours; {', '.join(policy.signals)} count"
    )
    spec = replace(instance.spec, idle_policy=policy, max_hours=max_hours)
    return replace(
        record_event(replace(instance, spec=spec), because(EventCode.POLICY_LIMITED, message), now), requeue=True
    )
