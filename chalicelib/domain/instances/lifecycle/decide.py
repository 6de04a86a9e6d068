"""One decision: the record, what was seen and the time give a plan. One decision more: a call's outcome gives the next.

    requested -> launching -> booting -> setting-up -> ready -> stopping -> stopped -> booting -> ...
                     |            |           |          every phase -> terminating -> terminated
                     +--> failed <+-----------+

A plan is one guarded write and then at most one call to AWS. A crash between the two, or after, leaves a record from
which the next look goes on. A call's outcome counts only while the record still waits for it.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import to_sentence
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.policy_limits import clamp_policy
from chalicelib.domain.desk.settings import Limits, Mode
from chalicelib.domain.instances.lifecycle import benchmark_run, booting, ec2_drift, ended, launching, ready, setting_up
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, cancel_warning, no_op, record_event
from chalicelib.domain.instances.metering import advance_meter
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import (
    Plan,
)
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import Policy


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """What is to be done about an instance, given what was seen of it.

    :raises ValueError: the record contradicts itself
    """
    current, plan = ec2_drift.apply_ec2_state(instance, observation, now)
    plan = plan or apply_limits(current, context.desk.limits, now) or _decide_phase(current, observation, now, context)
    plan = _require_delivery(current, plan, context)
    plan = benchmark_run.abandon_benchmark(_apply_mode(current, plan, context.desk.mode, now), now)
    return _apply_metering(instance, plan, now)


def _decide_phase(instance: Instance, observation: Observation, now: datetime, rules: DecisionContext) -> Plan:
    match instance.phase:
        case Phase.REQUESTED | Phase.LAUNCHING:
            return launching.decide(instance, now)
        case Phase.BOOTING:
            return booting.decide(instance, observation, now)
        case Phase.SETTING_UP:
            return setting_up.decide(instance, observation, now, rules)
        case Phase.READY:
            return ready.decide(instance, observation, now, rules)
        case Phase.FAILED:
            return ended.decide_failed(instance, observation, now, rules)
        case Phase.STOPPING:
            return ended.decide_stopping(instance, now)
        case Phase.STOPPED:
            return ended.decide_stopped(instance, now)
        case Phase.TERMINATING:
            return ended.decide_terminating(instance, now)
        case Phase.TERMINATED:
            return no_op(instance, EventCode.TERMINATED, "terminated")
        case _ as impossible:
            assert_never(impossible)


def _apply_mode(current: Instance, plan: Plan, mode: Mode, now: datetime) -> Plan:
    """Limit a plan to what the mode allows: `paused` changes nothing, `dry_run` records an autonomous decision once.

    A stop warning that may not be acted on is cancelled: it would be outdated once the mode is `enforce` again.
    """
    if mode is not Mode.ENFORCE and current.warning:
        is_what = "is paused" if mode is Mode.PAUSED else "only does a dry run"
        return cancel_warning(current, f"gpudesk {is_what} now", now)
    if mode is Mode.PAUSED and (plan.step or plan.autonomous or current.machine is None):
        return no_op(
            current, EventCode.DESK_PAUSED, f"gpudesk is paused and does not go on with: {plan.reason.message}"
        )
    if mode is Mode.DRY_RUN and plan.autonomous:
        reason = _dry_run(plan)
        if current.notified == plan.reason.code:
            return Plan(instance=current, reason=reason)
        line = timeline_entry(now, reason, details={"reason_code": plan.reason.code})
        return Plan(instance=replace(current, notified=plan.reason.code), reason=reason, timeline=(line,))
    return plan


def _dry_run(plan: Plan) -> EventReason:
    """Return what gpudesk would have done of its own accord, and why."""
    instance, details = plan.instance, plan.timeline[0].details
    action = instance.claim.action if instance.claim else details["action"]
    evidence = to_sentence(details.get("evidence", plan.reason.message))
    return EventReason(code=EventCode.DRY_RUN, message=f"Dry run: would {action} {instance.name}. {evidence}")


def _require_delivery(before: Instance, plan: Plan, rules: DecisionContext) -> Plan:
    """A new warning waits for its delivery only where there is somebody whom it can be delivered to."""
    warned = plan.instance.warning
    if (
        warned is None
        or (before.warning and before.warning.id == warned.id)
        or not rules.directory.can_notify(before.owner)
    ):
        return plan
    return replace(plan, instance=replace(plan.instance, warning=replace(warned, requires_delivery=True)))


def _apply_metering(before: Instance, plan: Plan, now: datetime) -> Plan:
    instance, segments = advance_meter(before, plan.instance, now)
    return replace(plan, instance=instance, billed_segments=segments)


def apply_limits(instance: Instance, limits: Limits, now: datetime) -> Plan | None:
    """What follows where the policy of an instance is beyond what the admin has allowed since; None: it is not.

    Nobody is surprised by it: whatever follows from the new bounds is warned of first.
    """
    policy, max_hours = clamp_policy(instance.spec.policy.idle, instance.spec.policy.max_hours, limits)
    if not instance.is_active or (policy, max_hours) == (instance.spec.policy.idle, instance.spec.policy.max_hours):
        return None
    message = (
        f"the admin has bounded its policy: idle {policy.idle_minutes} min, warning {policy.warning_minutes} "
        f"min, at most {max_hours} h; {', '.join(policy.signals)} count"
    )
    spec = replace(instance.spec, policy=Policy(idle=policy, max_hours=max_hours))
    return replace(
        record_event(replace(instance, spec=spec), EventReason(code=EventCode.POLICY_LIMITED, message=message), now),
        requeue=True,
    )
