"""Judge the evidence of an instance under its policy: busy, quiet, idle or unknown.

gpudesk and the instance use the same rule. An instance is never stopped for idleness while its activity is unknown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import ensure_period, format_age, format_duration, format_time, pluralize
from chalicelib.domain.idle.evidence import MAX_SAMPLE_GAP, Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy

HEARTBEAT_MAX_AGE = timedelta(minutes=3)
"""There is one heartbeat a minute, and two may be lost. Nothing is concluded from an older one."""

HEARTBEAT_MAX_FUTURE_SKEW = timedelta(minutes=2)
"""If a heartbeat is further in the future, the clock of the instance is wrong and nothing is concluded from it."""

MAX_REASONS = 2
"""A message names so many active signals. It gives only the number of the others."""


class ActivityState(StrEnum):
    """State of an instance's activity."""

    BUSY = "busy"
    QUIET = "quiet"
    IDLE = "idle"
    UNKNOWN = "unknown"


class ActivityCode(StrEnum):
    """Code of a judgment's reason.

    Each is also one of the event codes. The probe needs no other and does not carry that enumeration.
    """

    BUSY = "busy"
    QUIET = "quiet"
    IDLE = "idle"
    UNKNOWN = "activity_unknown"


@dataclass(frozen=True, kw_only=True)
class ActivityJudgment:
    """The activity state of an instance, and the evidence for it.

    :param reason: its message is one or more sentences, which people read as they are
    :param quiet_since: since when every enabled signal has been quiet; None unless the state is QUIET or IDLE
    """

    state: ActivityState
    reason: Reason
    quiet_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ActivityCriteria:
    """Criteria by which the heartbeat of one instance is judged.

    :param instance_id: the id of the EC2 instance that the heartbeat must come from
    :param enabled_signals: the signals that must all be quiet
    :param not_before: start of the idle window at the earliest: boot, setup and the first minutes after a start are not
        idle time
    """

    instance_id: str
    enabled_signals: frozenset[str]
    policy: IdlePolicy
    not_before: datetime


def judge_activity(
    heartbeat: Heartbeat | UnreadableHeartbeat | None, criteria: ActivityCriteria, now: datetime
) -> ActivityJudgment:
    """Judge the activity of one instance.

    - Busy: at least one enabled signal is active.
    - Idle: every enabled signal has been quiet for the whole idle window and was sampled without a gap.
    - Quiet: every enabled signal is quiet, but not yet for the whole idle window.
    - Unknown: all other cases, for example a heartbeat that is too old, from the future, or of another instance.
    """
    problem = _find_problem(heartbeat, criteria.instance_id, now)
    if problem or not isinstance(heartbeat, Heartbeat):
        return build_unknown_judgment(problem or "no heartbeat has arrived yet")
    signals = {name: heartbeat.signals.get(name) for name in SIGNALS if name in criteria.enabled_signals}
    known = [evidence for evidence in signals.values() if evidence]
    active = [evidence for evidence in known if evidence.state is SignalState.ACTIVE and _is_fresh(evidence, now)]
    if active:
        return ActivityJudgment(state=ActivityState.BUSY, reason=_explain_busy(active, now))
    problems = [_explain_unknown(name, evidence, now) for name, evidence in signals.items()]
    if not signals or any(problems):
        return build_unknown_judgment("; ".join(filter(None, problems)) or "no signal is enabled")
    quiet_since = max(criteria.not_before, *(evidence.since for evidence in known))
    return _judge_quiet(quiet_since, criteria.policy, now)


def _find_problem(heartbeat: Heartbeat | UnreadableHeartbeat | None, instance_id: str, now: datetime) -> str | None:
    """Return why a heartbeat says nothing about the instance now, as a clause; None if it can be judged."""
    match heartbeat:
        case None:
            return "no heartbeat has arrived yet"
        case UnreadableHeartbeat(reason):
            return f"the heartbeat cannot be read ({reason})"
        case Heartbeat():
            if heartbeat.instance_id != instance_id:
                return f"the heartbeat is from another instance ({heartbeat.instance_id[:40]})"
            if heartbeat.at > now + HEARTBEAT_MAX_FUTURE_SKEW:
                return f"the last heartbeat is {format_duration(heartbeat.at - now)} in the future"
            if now - heartbeat.at > HEARTBEAT_MAX_AGE:
                return f"the last heartbeat came {format_age(now - heartbeat.at)}"
    return None


def _explain_unknown(name: str, evidence: Evidence | None, now: datetime) -> str | None:
    """Return why nothing is known of a signal, as a clause; None if it has been quiet."""
    if evidence is None:
        return f"{name}: not reported"
    if evidence.state is SignalState.UNKNOWN:
        return f"{name}: {evidence.reason}"
    if not _is_fresh(evidence, now):
        age = format_duration(abs(now - evidence.at))
        return f"{name}: the last sample is {age} {'old' if evidence.at < now else 'in the future'}"
    if evidence.largest_gap > MAX_SAMPLE_GAP:
        return f"{name}: a gap of {format_duration(evidence.largest_gap)} between two samples"
    if evidence.samples * MAX_SAMPLE_GAP < evidence.at - evidence.since:
        return (
            f"{name}: only {pluralize(evidence.samples, 'sample')} in {format_duration(evidence.at - evidence.since)}"
        )
    return None


def _is_fresh(evidence: Evidence, now: datetime) -> bool:
    return -HEARTBEAT_MAX_FUTURE_SKEW <= now - evidence.at <= HEARTBEAT_MAX_AGE


def _judge_quiet(quiet_since: datetime, policy: IdlePolicy, now: datetime) -> ActivityJudgment:
    quiet_for = now - quiet_since
    if quiet_for >= policy.idle_window:
        since = format_time(quiet_since)
        message = f"Every enabled signal has been quiet for {format_duration(quiet_for)} (since {since})."
        reason = Reason(code=ActivityCode.IDLE, message=message)
        return ActivityJudgment(state=ActivityState.IDLE, reason=reason, quiet_since=quiet_since)
    message = f"Quiet for {format_duration(max(quiet_for, timedelta(0)))} of {policy.idle_minutes} min."
    reason = Reason(code=ActivityCode.QUIET, message=message)
    return ActivityJudgment(state=ActivityState.QUIET, reason=reason, quiet_since=quiet_since)


def _explain_busy(active: list[Evidence], now: datetime) -> Reason:
    """Return a reason that names the most informative active signals."""
    named = [f"{evidence.reason} ({format_age(now - evidence.at)})" for evidence in active[:MAX_REASONS]]
    more = [pluralize(len(active) - MAX_REASONS, "more signal")] if len(active) > MAX_REASONS else []
    return Reason(code=ActivityCode.BUSY, message=f"Busy: {'; '.join([*named, *more])}.")


def build_unknown_judgment(cause: str) -> ActivityJudgment:
    """Return the judgment that the activity is unknown.

    :param cause: a clause, which the message ends with
    """
    message = f"Activity is unknown, so the instance is not stopped for idleness: {ensure_period(cause)}"
    return ActivityJudgment(state=ActivityState.UNKNOWN, reason=Reason(code=ActivityCode.UNKNOWN, message=message))
