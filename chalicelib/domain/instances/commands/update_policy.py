"""Change the idle policy and the maximum lifetime of an instance."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import build_validation_error
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.instances.commands.change import RecordChange, require_not_ending
from chalicelib.domain.instances.lifecycle.plans import warning_cancelled
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Policy, Spec
from chalicelib.domain.instances.warning import WarningType


def update_policy(
    instance: Instance, request: PolicyOverride, actor: Actor, limits: Limits, now: datetime
) -> RecordChange:
    """:raises Invalid: outside of what the admin allows"""
    require_not_ending(instance, "be changed")
    policy, max_hours = apply_policy_update(instance.spec, request, limits)
    spec = replace(instance.spec, policy=Policy(idle=policy, max_hours=max_hours))
    if spec == instance.spec:
        return RecordChange(instance)
    message = (
        f"{actor.name} changed its policy: idle {policy.idle_minutes} min, warning {policy.warning_minutes} "
        f"min, at most {max_hours} h; {', '.join(policy.signals)} count"
    )
    lines = [timeline_entry(now, EventReason(code=EventCode.POLICY_CHANGED, message=message), actor=actor.name)]
    warned = instance.warning
    if warned and warned.warning_type is WarningType.IDLE and policy != instance.spec.policy.idle:
        instance = replace(instance, warning=None)
        lines.append(timeline_entry(now, warning_cancelled(instance, "its idle policy was changed")))
    return RecordChange(replace(instance, spec=spec), tuple(lines))


def apply_policy_update(spec: Spec, request: PolicyOverride, limits: Limits) -> tuple[IdlePolicy, int]:
    """A living instance's policy, changed.

    :returns: the idle policy and the maximum hours
    :raises Invalid: with every field that is wrong
    """
    policy, max_hours = apply_override(request, spec.policy.idle, spec.policy.max_hours)
    errors = list(validate_policy(policy, max_hours, limits))
    if errors:
        raise build_validation_error(errors)
    return policy, max_hours
