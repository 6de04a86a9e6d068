"""Idle or not: evidence judged under a policy, by the desk and by the machine alone. Unknown is never idle."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_duration, format_time
from chalicelib.domain.idle.evidence import MAX_SAMPLE_GAP, Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy

HEARTBEAT_MAX_AGE = timedelta(minutes=3)
"""A heartbeat a minute; two may be lost."""

HEARTBEAT_MAX_FUTURE_SKEW = timedelta(minutes=2)
"""More than this in the future is a clock that nothing can be concluded from."""

MAX_REASONS = 2
"""So much of what is active goes into a sentence; the rest is counted."""


class ActivityState(StrEnum):
    """What the evidence says."""

    BUSY = "busy"
    QUIET = "quiet"
    IDLE = "idle"
    UNKNOWN = "unknown"


class ActivityCode(StrEnum):
    """Code of a judgement's reason: those of the desk's event codes that the probe needs."""

    BUSY = "busy"
    QUIET = "quiet"
    IDLE = "idle"
    UNKNOWN = "activity_unknown"


@dataclass(frozen=True, kw_only=True)
class ActivityJudgment:
    """A verdict and its evidence in a sentence.

    :param quiet_since: since when every counted signal has been quiet; only with QUIET and IDLE
    """

    state: ActivityState
    reason: Reason
    quiet_since: datetime | None = None


def judge_activity(
    heartbeat: Heartbeat | UnreadableHeartbeat | None,
    *,
    instance_id: str,
    counted: frozenset[str],
    policy: IdlePolicy,
    not_before: datetime,
    now: datetime,
) -> ActivityJudgment:
    """Judge one instance's activity.

    Idle means: every counted signal quiet through the whole window, sampled without a gap, in a report that is fresh,
    of this instance, and not from the future. One active signal is enough to be busy; anything else is unknown.

    :param counted: the signals that must all be quiet
    :param not_before: the window does not begin before (booting, setting up and the minutes after a start are not idle)
    """
    problem = _problem(heartbeat, instance_id, now)
    if problem or not isinstance(heartbeat, Heartbeat):
        return unknown_activity(problem or "no heartbeat has arrived yet")
    signals = {name: heartbeat.signals.get(name) for name in SIGNALS if name in counted}
    active = [e for e in signals.values() if e and e.state is SignalState.ACTIVE and _is_fresh(e, now)]
    if active:
        return ActivityJudgment(state=ActivityState.BUSY, reason=_busy(active, now))
    doubts = [_unknown_reason(name, evidence, now) for name, evidence in signals.items()]
    if not signals or any(doubts):
        return unknown_activity("; ".join(doubt for doubt in doubts if doubt) or "no signal is counted")
    quiet_since = max(not_before, *(e.since for e in signals.values() if e))
    return _quiet(quiet_since, policy, now)


def _problem(heartbeat: Heartbeat | UnreadableHeartbeat | None, instance_id: str, now: datetime) -> str | None:
    match heartbeat:
        case None:
            return "no heartbeat has arrived yet"
        case UnreadableHeartbeat(why):
            return f"the heartbeat cannot be read ({why})"
        case Heartbeat():
            if heartbeat.instance_id != instance_id:
                return f"the heartbeat is of another instance ({heartbeat.instance_id[:40]})"
            if heartbeat.at > now + HEARTBEAT_MAX_FUTURE_SKEW:
                return f"the heartbeat is {format_duration(heartbeat.at - now)} in the future"
            if now - heartbeat.at > HEARTBEAT_MAX_AGE:
                return f"the last heartbeat came {format_duration(now - heartbeat.at)} ago"
    return None


def _unknown_reason(name: str, evidence: Evidence | None, now: datetime) -> str | None:
    """Why this signal cannot be taken for quiet."""
    if evidence is None:
        return f"{name}: not reported"
    if evidence.state is SignalState.UNKNOWN:
        return f"{name}: {evidence.reason}"
    if not _is_fresh(evidence, now):
        return (
            f"{name}: last sampled {format_duration(abs(now - evidence.at))} {'ago' if evidence.at < now else 'ahead'}"
        )
    if evidence.largest_gap > MAX_SAMPLE_GAP:
        return f"{name}: a gap of {format_duration(evidence.largest_gap)} between samples"
    if evidence.samples * MAX_SAMPLE_GAP < evidence.at - evidence.since:
        return f"{name}: only {evidence.samples} samples in {format_duration(evidence.at - evidence.since)}"
    return None


def _is_fresh(evidence: Evidence, now: datetime) -> bool:
    return -HEARTBEAT_MAX_FUTURE_SKEW <= now - evidence.at <= HEARTBEAT_MAX_AGE


def _quiet(quiet_since: datetime, policy: IdlePolicy, now: datetime) -> ActivityJudgment:
    quiet_for = now - quiet_since
    if quiet_for >= policy.idle_window:
        message = f"every signal has been quiet for {format_duration(quiet_for)} (since {format_time(quiet_since)})"
        reason = Reason(code=ActivityCode.IDLE, message=message)
        return ActivityJudgment(state=ActivityState.IDLE, reason=reason, quiet_since=quiet_since)
    message = f"quiet for {format_duration(max(quiet_for, timedelta(0)))} of {policy.idle_minutes} min"
    reason = Reason(code=ActivityCode.QUIET, message=message)
    return ActivityJudgment(state=ActivityState.QUIET, reason=reason, quiet_since=quiet_since)


def _busy(active: list[Evidence], now: datetime) -> Reason:
    """Who is busy, the signal that says most first."""
    named = [f"{e.reason} ({format_duration(max(now - e.at, timedelta(0)))} ago)" for e in active[:MAX_REASONS]]
    more = [f"{len(active) - MAX_REASONS} more signals"] if len(active) > MAX_REASONS else []
    return Reason(code=ActivityCode.BUSY, message=f"busy: {'; '.join([*named, *more])}")


def unknown_activity(why: str) -> ActivityJudgment:
    """Nothing can be concluded, and why."""
    message = f"activity is unknown, so nothing is stopped for idleness: {why}"
    return ActivityJudgment(state=ActivityState.UNKNOWN, reason=Reason(code=ActivityCode.UNKNOWN, message=message))
