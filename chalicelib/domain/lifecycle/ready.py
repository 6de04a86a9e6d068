"""In use: watched for idleness and for the end of its life, warned, claimed."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.activity.heartbeat import Report
from chalicelib.domain.activity.idle import Judgement, Verdict, judge, unknown
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import event_reason
from chalicelib.domain.common.text import to_sentence
from chalicelib.domain.instance import Action, Instance
from chalicelib.domain.lifecycle import errand
from chalicelib.domain.lifecycle.doubt import doubt_of
from chalicelib.domain.lifecycle.heard import heard
from chalicelib.domain.lifecycle.lifetime import lifetime
from chalicelib.domain.lifecycle.losses import losses
from chalicelib.domain.lifecycle.rules import (
    Rules,
    because,
    claim,
    nothing,
    running,
    told,
    undelivered,
    wanted_otherwise,
    warn,
    withdraw,
)
from chalicelib.domain.observation import Observation
from chalicelib.domain.plan import Plan
from chalicelib.domain.timings import SILENCE_TOLD
from chalicelib.domain.warned import Warned, WarningKind


def activity(instance: Instance, seen: Observation, now: datetime) -> Judgement:
    """Whether it is used, as of now, with the evidence. While it is measured, or an image made of it, it is."""
    if instance.is_imaged(now):
        return Judgement(
            verdict=Verdict.BUSY, reason=because(EventCode.IMAGE_IN_PROGRESS, "busy: an image is being made of it")
        )
    if instance.errand:
        asked = f"{instance.errand.asked_by} asked for a measurement at {instance.errand.asked_at:%H:%M} UTC"
        return Judgement(verdict=Verdict.BUSY, reason=because(EventCode.BENCHMARK_IN_PROGRESS, f"busy: {asked}"))
    judgement = judge(
        seen.heartbeat,
        instance_id=running(instance).instance_id,
        counted=instance.spec.idle_policy.counted(has_gpu=instance.spec.nvidia_gpu_count > 0),
        policy=instance.spec.idle_policy,
        not_before=instance.ready_since or instance.phase_since,
        now=now,
    )
    if instance.doubt and judgement.verdict is not Verdict.UNKNOWN:
        return unknown("its reports were from the future, and none has proved its age since")
    return judgement


def decide(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan:
    """What follows while it can be used. Nothing that a machine says can hold up the end of its life."""
    otherwise = wanted_otherwise(instance, now)
    if otherwise:
        return otherwise
    instance = replace(instance, doubt=doubt_of(instance.doubt, seen.heartbeat, now))
    judgement = activity(instance, seen, now)
    over = lifetime(instance, judgement.reason.sentence, now, seen.heartbeat)
    if over and over.instance != instance:
        return over
    news = heard(instance, seen, now, rules) or errand.decide(instance, seen, now, rules) or over
    if news:
        return news
    silence = _silence(instance, judgement, now)
    if silence:
        return silence
    return _idleness(instance, judgement, seen.heartbeat, now)


def _silence(instance: Instance, judgement: Judgement, now: datetime) -> Plan | None:
    """Unknown activity stops nothing, but it is not passed over in silence either."""
    if judgement.verdict is not Verdict.UNKNOWN:
        return None
    if instance.warned:
        return withdraw(instance, judgement.reason.sentence, now)
    since = instance.silent_since
    if since is None:
        return Plan(instance=replace(instance, silent_since=now), reason=event_reason(judgement.reason))
    if now - since >= SILENCE_TOLD and instance.told != EventCode.ACTIVITY_UNKNOWN:
        minutes = int((now - since).total_seconds() // 60)
        sentence = (
            f"{instance.name} has not been monitored for {minutes} min: {judgement.reason.sentence}. Its maximum "
            f"lifetime still applies. To find the cause, run gpudesk-status and systemctl status gpudesk-probe on it."
        )
        reason = because(EventCode.ACTIVITY_UNKNOWN, sentence)
        return told(replace(instance, told=EventCode.ACTIVITY_UNKNOWN), reason, now)
    return Plan(instance=instance, reason=event_reason(judgement.reason))


def _idleness(instance: Instance, judgement: Judgement, report: Report, now: datetime) -> Plan:
    if instance.silent_since:
        instance = replace(instance, silent_since=None, told=None)
    warned = instance.warned
    if instance.is_kept(now):
        return (
            withdraw(instance, f"it is {_kept_until(instance)}", now)
            if warned
            else nothing(instance, *_kept(instance, judgement))
        )
    if judgement.verdict is not Verdict.IDLE:
        if warned:
            return withdraw(instance, judgement.reason.sentence, now)
        return Plan(instance=_no_longer_told(instance), reason=event_reason(judgement.reason))
    if warned is None:
        return _warn_of_idleness(instance, judgement, report, now)
    if judgement.quiet_since and judgement.quiet_since > warned.at:
        since = f"it was in use after the warning, until {judgement.quiet_since:%H:%M} UTC"
        return replace(withdraw(instance, since, now), again=True)
    if now < warned.acts_at:
        return nothing(
            instance,
            EventCode.IDLE_WARNING_ACTIVE,
            f"{judgement.reason.sentence}; warned, stops at {warned.acts_at:%H:%M}",
        )
    if not warned.is_due(now):
        return undelivered(instance, warned)
    reason = because(EventCode.IDLE, f"{to_sentence(judgement.reason.sentence)} {warned.in_words}")
    return claim(instance, Action.STOP, reason, now, WarningKind.IDLE)


def _no_longer_told(instance: Instance) -> Instance:
    return replace(instance, told=None) if instance.told else instance


def _warn_of_idleness(instance: Instance, judgement: Judgement, report: Report, now: datetime) -> Plan:
    acts_at = now + instance.spec.idle_policy.notice
    sentence = (
        f"{instance.name} will be stopped at {acts_at:%H:%M} UTC: {judgement.reason.sentence}. "
        f"{losses(instance, report)}. To keep {instance.name} running, press Keep or run gpudesk-keep 4h on it."
    )
    warned = Warned(kind=WarningKind.IDLE, at=now, acts_at=acts_at, sentence=sentence)
    return warn(instance, warned, EventCode.IDLE_WARNING, judgement.reason.sentence)


def _kept(instance: Instance, judgement: Judgement) -> tuple[EventCode, str]:
    return EventCode.KEEP_ACTIVE, f"{_kept_until(instance)}; {judgement.reason.sentence}"


def _kept_until(instance: Instance) -> str:
    until = f"{instance.keep_until:%Y-%m-%d %H:%M}" if instance.keep_until else "?"
    return f"kept until {until} UTC"
