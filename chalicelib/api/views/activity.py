"""Whether an instance is in use, what its people were warned of, and what they said to it."""

from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.views.values import moment, moment_or_none
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.evidence import Evidence
from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.activity.idle import Judgement
from chalicelib.domain.activity.policy import SIGNALS
from chalicelib.domain.warned import Warned


class SignalView(TypedDict):
    """One signal as its machine last reported it; `counted` says whether it decides anything."""

    name: str
    state: str
    since: str
    reason: str
    counted: bool


class MissedView(TypedDict):
    """Heartbeats that did not get through before the last one did."""

    count: int
    since: str
    why: str


class ActivityView(TypedDict):
    """Whether it is in use: busy, quiet, idle or unknown, and why."""

    verdict: str
    sentence: str
    quiet_since: str | None
    reported_at: str | None
    signals: list[SignalView]
    missed: MissedView | None


def activity_view(activity: Judgement, shown: Shown) -> ActivityView:
    """What was concluded, and each signal that it was concluded from."""
    spec, report = shown.instance.spec, shown.report
    counted = spec.idle_policy.counted(has_gpu=spec.nvidia_gpu_count > 0)
    beat = report if isinstance(report, Heartbeat) else None
    return {
        "verdict": str(activity.verdict),
        "sentence": activity.reason.sentence,
        "quiet_since": moment_or_none(activity.quiet_since),
        "reported_at": moment(beat.at) if beat else None,
        "signals": [_signal(name, beat.signals[name], counted) for name in SIGNALS if name in beat.signals]
        if beat
        else [],
        "missed": {"count": beat.missed.count, "since": moment(beat.missed.since), "why": beat.missed.why}
        if beat and beat.missed
        else None,
    }


def _signal(name: str, evidence: Evidence, counted: frozenset[str]) -> SignalView:
    return {
        "name": name,
        "state": str(evidence.state.value),
        "since": moment(evidence.since),
        "reason": evidence.reason,
        "counted": name in counted,
    }


class KeepView(TypedDict):
    """A lease. While its machine has not heard of it, the machine would stop itself in spite of it if the desk went."""

    until: str
    heard_by_machine: bool


def keep_view(until: datetime, report: Report) -> KeepView:
    """A keep, and whether the machine knows of it."""
    heard = report.heard.keep_until if isinstance(report, Heartbeat) else None
    return {"until": moment(until), "heard_by_machine": heard is not None and heard >= until}


class DeliveredView(TypedDict):
    """A channel that has taken the warning."""

    channel: str
    at: str


class WarningView(TypedDict):
    """A warning that stands; what it warns of does not come before `acts_at`."""

    kind: str
    sentence: str
    at: str
    acts_at: str
    waits_until: str
    delivered: list[DeliveredView]


def warning_view(warned: Warned) -> WarningView:
    """A warning that stands."""
    return {
        "kind": str(warned.kind),
        "sentence": warned.sentence,
        "at": moment(warned.at),
        "acts_at": moment(warned.acts_at),
        "waits_until": moment(warned.waits_until),
        "delivered": [{"channel": each.channel, "at": moment(each.at)} for each in warned.delivered],
    }
