"""In use: watched for idleness and for the end of its life, warned, claimed."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import UNKNOWN_ACTIVITY_NOTIFY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason, to_event_reason
from chalicelib.domain.common.text import format_date_time, format_duration, format_time, to_sentence
from chalicelib.domain.idle.clock_skew import detect_clock_skew
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.rule import (
    ActivityCriteria,
    ActivityJudgment,
    ActivityState,
    build_unknown_judgment,
    judge_activity,
)
from chalicelib.domain.instances.lifecycle import benchmark_run
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.machine_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.plans import (
    DecisionContext,
    cancel_warning,
    no_op,
    plan_desired_state,
    record_event,
    require_machine,
    start_action,
    start_warning,
    wait_for_delivery,
)
from chalicelib.domain.instances.lifecycle.stop_impact import describe_stop_impact
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import ClaimAction, Instance
from chalicelib.domain.instances.warning import StopWarning, WarningType


def judge_instance(instance: Instance, observation: Observation, now: datetime) -> ActivityJudgment:
    """Whether it is used, as of now, with the evidence. While it is measured, or an image made of it, it is."""
    if instance.has_image_in_progress(now):
        return ActivityJudgment(
            state=ActivityState.BUSY,
            reason=EventReason(code=EventCode.IMAGE_IN_PROGRESS, message="busy: an image is being made of it"),
        )
    if instance.benchmark_run:
        run = instance.benchmark_run
        asked = f"{run.requested_by} asked for a measurement at {format_time(run.requested_at)}"
        return ActivityJudgment(
            state=ActivityState.BUSY, reason=EventReason(code=EventCode.BENCHMARK_IN_PROGRESS, message=f"busy: {asked}")
        )
    policy = instance.spec.policy.idle
    judgement = judge_activity(
        observation.heartbeat,
        ActivityCriteria(
            instance_id=require_machine(instance).instance_id,
            enabled_signals=policy.select_signals(has_gpu=instance.spec.hardware.nvidia_gpu_count > 0),
            policy=policy,
            not_before=instance.ready_since or instance.phase_since,
        ),
        now,
    )
    if instance.observed.clock_skew and judgement.state is not ActivityState.UNKNOWN:
        return build_unknown_judgment("its reports were from the future, and none has proved its age since")
    return judgement


def decide(instance: Instance, observation: Observation, now: datetime, rules: DecisionContext) -> Plan:
    """What follows while it can be used. Nothing that a machine says can hold up the end of its life."""
    otherwise = plan_desired_state(instance, now)
    if otherwise:
        return otherwise
    instance = replace(
        instance,
        observed=replace(
            instance.observed, clock_skew=detect_clock_skew(instance.observed.clock_skew, observation.heartbeat, now)
        ),
    )
    judgement = judge_instance(instance, observation, now)
    over = decide_lifetime(instance, judgement.reason.message, now, observation.heartbeat)
    if over and over.instance != instance:
        return over
    news = (
        process_heartbeat(instance, observation, now, rules)
        or benchmark_run.decide(instance, observation, now, rules)
        or over
    )
    if news:
        return news
    silence = _unknown_activity(instance, judgement, now)
    if silence:
        return silence
    return _decide_idle(instance, judgement, observation.heartbeat, now)


def _unknown_activity(instance: Instance, judgement: ActivityJudgment, now: datetime) -> Plan | None:
    """Unknown activity stops nothing, but it is not passed over in silence either."""
    if judgement.state is not ActivityState.UNKNOWN:
        return None
    if instance.warning:
        return cancel_warning(instance, judgement.reason.message, now)
    since = instance.observed.activity_unknown_since
    if since is None:
        return Plan(
            instance=replace(instance, observed=replace(instance.observed, activity_unknown_since=now)),
            reason=to_event_reason(judgement.reason),
        )
    if now - since >= UNKNOWN_ACTIVITY_NOTIFY_AFTER and instance.notified != EventCode.ACTIVITY_UNKNOWN:
        message = (
            f"{instance.name} has not been monitored for {format_duration(now - since)}: {judgement.reason.message}. "
            "Its maximum lifetime still applies. To find the cause, run gpudesk-status and systemctl status "
            "gpudesk-probe on it."
        )
        reason = EventReason(code=EventCode.ACTIVITY_UNKNOWN, message=message)
        return record_event(replace(instance, notified=EventCode.ACTIVITY_UNKNOWN), reason, now)
    return Plan(instance=instance, reason=to_event_reason(judgement.reason))


def _decide_idle(instance: Instance, judgement: ActivityJudgment, report: DecodedHeartbeat, now: datetime) -> Plan:
    if instance.observed.activity_unknown_since:
        instance = replace(instance, notified=None, observed=replace(instance.observed, activity_unknown_since=None))
    warned = instance.warning
    if instance.has_keep(now):
        return (
            cancel_warning(instance, f"it is {_kept_until(instance)}", now)
            if warned
            else no_op(instance, *_kept(instance, judgement))
        )
    if judgement.state is not ActivityState.IDLE:
        if warned:
            return cancel_warning(instance, judgement.reason.message, now)
        return Plan(instance=_clear_notified(instance), reason=to_event_reason(judgement.reason))
    if warned is None:
        return _warn_of_idleness(instance, judgement, report, now)
    if judgement.quiet_since and judgement.quiet_since > warned.created_at:
        since = f"it was in use after the warning, until {format_time(judgement.quiet_since)}"
        return replace(cancel_warning(instance, since, now), requeue=True)
    if now < warned.stop_at:
        return no_op(
            instance,
            EventCode.IDLE_WARNING_ACTIVE,
            f"{judgement.reason.message}; warned, stops at {format_time(warned.stop_at)}",
        )
    if not warned.can_act(now):
        return wait_for_delivery(instance, warned)
    reason = EventReason(
        code=EventCode.IDLE, message=f"{to_sentence(judgement.reason.message)} {warned.delivery_summary}"
    )
    return start_action(instance, ClaimAction.STOP, reason, now, WarningType.IDLE)


def _clear_notified(instance: Instance) -> Instance:
    return replace(instance, notified=None) if instance.notified else instance


def _warn_of_idleness(instance: Instance, judgement: ActivityJudgment, report: DecodedHeartbeat, now: datetime) -> Plan:
    stop_at = now + instance.spec.policy.idle.warning_period
    message = (
        f"{instance.name} will be stopped at {format_time(stop_at)}: {judgement.reason.message}. "
        f"{describe_stop_impact(instance, report)}. To keep {instance.name} running, press Keep or run gpudesk-keep 4h on it."
    )
    warned = StopWarning(warning_type=WarningType.IDLE, created_at=now, stop_at=stop_at, message=message)
    return start_warning(instance, warned, EventCode.IDLE_WARNING, judgement.reason.message)


def _kept(instance: Instance, judgement: ActivityJudgment) -> tuple[EventCode, str]:
    return EventCode.KEEP_ACTIVE, f"{_kept_until(instance)}; {judgement.reason.message}"


def _kept_until(instance: Instance) -> str:
    until = instance.lifetime.keep_until
    return f"kept until {format_date_time(until) if until else '?'}"
