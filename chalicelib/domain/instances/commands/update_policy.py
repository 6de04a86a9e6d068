"""Change the idle policy, the maximum lifetime and the before-stop hook of an instance."""

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
from chalicelib.domain.instances.commands.change import RecordChange, require_not_ending
from chalicelib.domain.instances.lifecycle.stop_warnings import build_cancellation_reason
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Policy
from chalicelib.domain.instances.warning import WarningType


def update_policy(
    instance: Instance, request: PolicyOverride, actor: Actor, limits: Limits, now: datetime
) -> RecordChange:
    """Change the policy of an active instance. Another idle policy cancels an idle warning.

    :raises Conflict: the instance is being terminated
    :raises ValidationFailed: the new policy exceeds the limits that an admin set
    """
    require_not_ending(instance, "be changed")
    policy = apply_policy_update(instance.spec.policy, request, limits)
    if policy == instance.spec.policy:
        return RecordChange(instance)
    message = f"{actor.name} changed the policy of {instance.name}: {policy.summary}."
    reason = EventReason(code=EventCode.POLICY_CHANGED, message=message)
    entries = [timeline_entry(now, reason, actor=actor.name)]
    changed = replace(instance, spec=replace(instance.spec, policy=policy))
    warning = instance.warning
    if warning and warning.warning_type is WarningType.IDLE and policy.idle != instance.spec.policy.idle:
        changed = replace(changed, warning=None)
        entries.append(timeline_entry(now, build_cancellation_reason(instance, "Its idle policy was changed.")))
    return RecordChange(changed, tuple(entries))


def apply_policy_update(policy: Policy, request: PolicyOverride, limits: Limits) -> Policy:
    """Return the policy with the fields of the request.

    :raises ValidationFailed: it exceeds the limits; the error lists every field that is wrong
    """
    idle, max_hours = apply_override(request, policy.idle, policy.max_hours)
    errors = list(validate_policy(idle, max_hours, limits))
    if errors:
        raise build_validation_error(errors)
    return Policy(idle=idle, max_hours=max_hours, before_stop_hook=request.choose_hook(policy.before_stop_hook))
