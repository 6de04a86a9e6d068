"""Decide for an instance in use: judge its activity, warn before a stop, stop it when it is idle."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import UNKNOWN_ACTIVITY_NOTIFY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason, to_event_reason
from chalicelib.domain.common.text import format_date_time, format_time
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.clock_skew import detect_clock_skew
from chalicelib.domain.idle.rule import (
    ActivityCriteria,
    ActivityJudgment,
    ActivityState,
    build_unknown_judgment,
    judge_activity,
)
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.lifecycle import benchmark_run
from chalicelib.domain.instances.lifecycle.actions import begin_action, plan_desired_state
from chalicelib.domain.instances.lifecycle.heartbeat_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, record_once
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, no_op, require_ec2_instance
from chalicelib.domain.instances.lifecycle.stop_impact import (
    describe_keep,
    describe_missing_stop,
    describe_outlook,
    describe_stop_impact,
)
from chalicelib.domain.instances.lifecycle.stop_warnings import cancel_warning, issue_warning, wait_for_delivery
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.warning import StopWarning, WarningType


def judge_instance(instance: Instance, observation: Observation, now: datetime) -> ActivityJudgment:
    """Judge the activity of an instance now. It counts as busy during a benchmark and the creation of an image."""
    if instance.has_image_in_progress(now):
        message = f"Busy: an image of {instance.name} is being created."
        return _judge_busy(EventReason(code=EventCode.IMAGE_IN_PROGRESS, message=message))
    if instance.benchmark_run:
        run = instance.benchmark_run
        message = f"Busy: {run.requested_by} requested a benchmark at {format_time(run.requested_at)}."
        return _judge_busy(EventReason(code=EventCode.BENCHMARK_IN_PROGRESS, message=message))
    policy = instance.spec.policy.idle
    judgment = judge_activity(
        observation.heartbeat,
        ActivityCriteria(
            instance_id=require_ec2_instance(instance).instance_id,
            enabled_signals=instance.spec.enabled_signals,
            policy=policy,
            not_before=instance.ready_since or instance.phase_since,
        ),
        now,
    )
    if instance.observed.clock_skew and judgment.state is not ActivityState.UNKNOWN:
        return build_unknown_judgment(
            "a heartbeat came from the future, and no later one has shown that its clock is right"
        )
    return judgment


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Decide what follows for a ready instance.

    A requested stop comes first, then a new warning or the stop at the end of the lifetime: a heartbeat cannot delay
    them. Idleness is judged last, only if nothing else happens.
    """
    requested = plan_desired_state(instance, now)
    if requested:
        return requested
    skew = detect_clock_skew(instance.observed.clock_skew, observation.heartbeat, now)
    instance = replace(instance, observed=replace(instance.observed, clock_skew=skew))
    judgment = judge_instance(instance, observation, now)
    is_unknown = judgment.state is ActivityState.UNKNOWN
    evidence = "Whether it is in use is unknown." if is_unknown else judgment.reason.message
    lifetime = decide_lifetime(instance, evidence, now, observation)
    if lifetime and lifetime.instance != instance:
        return lifetime
    plan = (
        process_heartbeat(instance, observation, now, context)
        or benchmark_run.decide(instance, observation, now, context)
        or lifetime
    )
    if plan:
        return plan
    if is_unknown:
        return _decide_unknown_activity(instance, judgment, now, context.desk.mode)
    return _decide_known_activity(instance, judgment, observation, now)


def _judge_busy(reason: EventReason) -> ActivityJudgment:
    return ActivityJudgment(state=ActivityState.BUSY, reason=reason)


def _decide_unknown_activity(instance: Instance, judgment: ActivityJudgment, now: datetime, mode: Mode) -> Plan:
    """Stop nothing while the activity is unknown, but notify people if that lasts."""
    if instance.warning:
        return cancel_warning(instance, judgment.reason.message, now)
    if instance.is_adopted_on_request:
        message = (
            f"gpudesk did not launch {instance.name}, so it need not have a probe. Whether it is in use is unknown. "
            "Only the end of its lifetime stops it."
        )
        return no_op(instance, EventCode.ACTIVITY_UNKNOWN, message)
    since = instance.observed.activity_unknown_since
    if since is None:
        unknown = replace(instance, observed=replace(instance.observed, activity_unknown_since=now))
        return Plan(instance=unknown, reason=to_event_reason(judgment.reason))
    if now - since < UNKNOWN_ACTIVITY_NOTIFY_AFTER:
        return Plan(instance=instance, reason=to_event_reason(judgment.reason))
    limit = (
        "Its maximum lifetime still applies." if mode is Mode.ENFORCE else describe_missing_stop(instance.name, mode)
    )
    message = (
        f"{instance.name} cannot be monitored. {judgment.reason.message} {limit} To find the cause, run gpudesk-status "
        "and systemctl status gpudesk-probe on it."
    )
    reason = EventReason(code=EventCode.ACTIVITY_UNKNOWN, message=message)
    return record_once(instance, EventCode.ACTIVITY_UNKNOWN, reason, now)


def _decide_known_activity(
    instance: Instance, judgment: ActivityJudgment, observation: Observation, now: datetime
) -> Plan:
    """Cancel a warning that no longer applies, warn of a stop, or stop an idle instance."""
    if instance.observed.activity_unknown_since:
        instance = replace(instance, observed=replace(instance.observed, activity_unknown_since=None))
    warning, keep_until = instance.warning, instance.lifetime.keep_until
    if keep_until and instance.has_keep(now):
        message = f"{instance.name} is kept until {format_date_time(keep_until)}."
        if warning:
            return cancel_warning(instance, message, now)
        return no_op(instance, EventCode.KEEP_ACTIVE, f"{message} {judgment.reason.message}")
    if judgment.state is not ActivityState.IDLE:
        if warning:
            return cancel_warning(instance, judgment.reason.message, now)
        reason = to_event_reason(judgment.reason)
        return Plan(instance=forget_facts(instance, EventCode.IDLE_WARNING), reason=reason)
    if warning is None:
        return _warn_of_idleness(instance, judgment, observation, now)
    return _decide_after_warning(instance, judgment, warning, now)


def _decide_after_warning(instance: Instance, judgment: ActivityJudgment, warning: StopWarning, now: datetime) -> Plan:
    """Stop an instance that was idle since its warning, once the time is over and the warning is delivered."""
    if judgment.quiet_since and judgment.quiet_since > warning.created_at:
        cause = f"It was in use after the warning, until {format_time(judgment.quiet_since)}."
        return replace(cancel_warning(instance, cause, now), requeue=True)
    if now < warning.stop_at:
        message = (
            f"{judgment.reason.message} A warning was sent: {instance.name} will be stopped at "
            f"{format_time(warning.stop_at)}."
        )
        return no_op(instance, EventCode.IDLE_WARNING_ACTIVE, message)
    if not warning.can_act(now):
        return wait_for_delivery(instance, warning)
    message = f"{judgment.reason.message} {warning.delivery_summary}"
    reason = EventReason(code=EventCode.IDLE, message=message)
    return begin_action(instance, ClaimAction.STOP, reason, now, WarningType.IDLE)


def _warn_of_idleness(instance: Instance, judgment: ActivityJudgment, observation: Observation, now: datetime) -> Plan:
    stop_at = now + instance.spec.policy.idle.warning_period
    message = (
        f"{instance.name} will be stopped at {format_time(stop_at)}. {judgment.reason.message} "
        f"{describe_stop_impact(instance, observation.heartbeat)}{describe_outlook(observation)} "
        f"To keep {instance.name} running, {describe_keep(instance)}."
    )
    warning = StopWarning(warning_type=WarningType.IDLE, created_at=now, stop_at=stop_at, message=message)
    return issue_warning(instance, warning, EventCode.IDLE_WARNING, judgment.reason.message)
