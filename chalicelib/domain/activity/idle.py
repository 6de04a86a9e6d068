"""Idle or not: evidence judged under a policy, by the desk and by the machine alone. Unknown is never idle."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.activity.evidence import ALLOWED_GAP, Evidence, State
from chalicelib.domain.activity.heartbeat import Heartbeat, Unreadable
from chalicelib.domain.activity.policy import SIGNALS, IdlePolicy
from chalicelib.domain.reason import Reason

HEARTBEAT_FRESH = timedelta(minutes=3)
"""A heartbeat a minute; two may be lost."""

HEARTBEAT_AHEAD = timedelta(minutes=2)
"""More than this in the future is a clock that nothing can be concluded from."""

MOST_NAMED = 2
"""So much of what is active goes into a sentence; the rest is counted."""


class Verdict(StrEnum):
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
class Judgement:
    """A verdict and its evidence in a sentence.

    :param quiet_since: since when every counted signal has been quiet; only with QUIET and IDLE
    """

    verdict: Verdict
    reason: Reason
    quiet_since: datetime | None = None


def judge(
    heartbeat: Heartbeat | Unreadable | None,
    *,
    instance_id: str,
    counted: frozenset[str],
    policy: IdlePolicy,
    not_before: datetime,
    now: datetime,
) -> Judgement:
    """Judge one instance's activity.

    Idle means: every counted signal quiet through the whole window, sampled without a gap, in a report that is fresh,
    of this instance, and not from the future. One active signal is enough to be busy; anything else is unknown.

    :param counted: the signals that must all be quiet
    :param not_before: the window does not begin before (booting, setting up and the minutes after a start are not idle)
    """
    problem = _problem(heartbeat, instance_id, now)
    if problem or not isinstance(heartbeat, Heartbeat):
        return unknown(problem or "no heartbeat has arrived yet")
    signals = {name: heartbeat.signals.get(name) for name in SIGNALS if name in counted}
    active = [e for e in signals.values() if e and e.state is State.ACTIVE and _is_fresh(e, now)]
    if active:
        return Judgement(verdict=Verdict.BUSY, reason=_busy(active, now))
    doubts = [_doubt(name, evidence, now) for name, evidence in signals.items()]
    if not signals or any(doubts):
        return unknown("; ".join(doubt for doubt in doubts if doubt) or "no signal is counted")
    quiet_since = max(not_before, *(e.since for e in signals.values() if e))
    return _quiet(quiet_since, policy, now)


def _problem(heartbeat: Heartbeat | Unreadable | None, instance_id: str, now: datetime) -> str | None:
    match heartbeat:
        case None:
            return "no heartbeat has arrived yet"
        case Unreadable(why):
            return f"the heartbeat cannot be read ({why})"
        case Heartbeat():
            if heartbeat.instance_id != instance_id:
                return f"the heartbeat is of another instance ({heartbeat.instance_id[:40]})"
            if heartbeat.at > now + HEARTBEAT_AHEAD:
                return f"the heartbeat is {_span(heartbeat.at - now)} in the future"
            if now - heartbeat.at > HEARTBEAT_FRESH:
                return f"the last heartbeat came {_span(now - heartbeat.at)} ago"
    return None


def _doubt(name: str, evidence: Evidence | None, now: datetime) -> str | None:
    """Why this signal cannot be taken for quiet."""
    if evidence is None:
        return f"{name}: not reported"
    if evidence.state is State.UNKNOWN:
        return f"{name}: {evidence.reason}"
    if not _is_fresh(evidence, now):
        return f"{name}: last sampled {_span(abs(now - evidence.at))} {'ago' if evidence.at < now else 'ahead'}"
    if evidence.largest_gap > ALLOWED_GAP:
        return f"{name}: a gap of {_span(evidence.largest_gap)} between samples"
    if evidence.samples * ALLOWED_GAP < evidence.at - evidence.since:
        return f"{name}: only {evidence.samples} samples in {_span(evidence.at - evidence.since)}"
    return None


def _is_fresh(evidence: Evidence, now: datetime) -> bool:
    return -HEARTBEAT_AHEAD <= now - evidence.at <= HEARTBEAT_FRESH


def _quiet(quiet_since: datetime, policy: IdlePolicy, now: datetime) -> Judgement:
    quiet_for = now - quiet_since
    if quiet_for >= policy.window:
        sentence = f"every signal has been quiet for {_span(quiet_for)} (since {quiet_since:%H:%M} UTC)"
        reason = Reason(code=ActivityCode.IDLE, sentence=sentence)
        return Judgement(verdict=Verdict.IDLE, reason=reason, quiet_since=quiet_since)
    sentence = f"quiet for {_span(max(quiet_for, timedelta(0)))} of {policy.idle_minutes} minutes"
    reason = Reason(code=ActivityCode.QUIET, sentence=sentence)
    return Judgement(verdict=Verdict.QUIET, reason=reason, quiet_since=quiet_since)


def _busy(active: list[Evidence], now: datetime) -> Reason:
    """Who is busy, the signal that says most first."""
    named = [f"{e.reason} ({_span(max(now - e.at, timedelta(0)))} ago)" for e in active[:MOST_NAMED]]
    more = [f"{len(active) - MOST_NAMED} more signals"] if len(active) > MOST_NAMED else []
    return Reason(code=ActivityCode.BUSY, sentence=f"busy: {'; '.join([*named, *more])}")


def unknown(why: str) -> Judgement:
    """Nothing can be concluded, and why."""
    sentence = f"activity is unknown, so nothing is stopped for idleness: {why}"
    return Judgement(verdict=Verdict.UNKNOWN, reason=Reason(code=ActivityCode.UNKNOWN, sentence=sentence))


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
