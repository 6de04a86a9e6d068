"""Views of activity, keeps and stop warnings."""

from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.views.values import moment, moment_or_none
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.evidence import Evidence
from chalicelib.domain.activity.heartbeat import Heartbeat, Missed, Report
from chalicelib.domain.activity.idle import Judgement
from chalicelib.domain.activity.policy import SIGNALS
from chalicelib.domain.warned import Warned


class SignalView(TypedDict):
    """One signal as the instance last reported it. `enabled`: whether the idle policy uses it."""

    name: str
    state: str
    since: str
    reason: str
    enabled: bool


class MissedHeartbeatsView(TypedDict):
    """Heartbeats that could not be delivered before the last one was."""

    count: int
    since: str
    reason: str


class ActivityView(TypedDict):
    """Whether the instance is in use: `state` is busy, quiet, idle or unknown; `message` says why."""

    state: str
    message: str
    quiet_since: str | None
    reported_at: str | None
    signals: list[SignalView]
    missed_heartbeats: MissedHeartbeatsView | None


def activity_view(activity: Judgement, shown: Shown) -> ActivityView:
    """Return the activity state with every signal of the last heartbeat."""
    spec, report = shown.instance.spec, shown.report
    counted = spec.idle_policy.counted(has_gpu=spec.nvidia_gpu_count > 0)
    beat = report if isinstance(report, Heartbeat) else None
    return {
        "state": str(activity.verdict),
        "message": activity.reason.sentence,
        "quiet_since": moment_or_none(activity.quiet_since),
        "reported_at": moment(beat.at) if beat else None,
        "signals": [_signal(name, beat.signals[name], counted) for name in SIGNALS if name in beat.signals]
        if beat
        else [],
        "missed_heartbeats": _missed(beat.missed) if beat and beat.missed else None,
    }


def _missed(missed: Missed) -> MissedHeartbeatsView:
    return {"count": missed.count, "since": moment(missed.since), "reason": missed.why}


def _signal(name: str, evidence: Evidence, counted: frozenset[str]) -> SignalView:
    return {
        "name": name,
        "state": str(evidence.state.value),
        "since": moment(evidence.since),
        "reason": evidence.reason,
        "enabled": name in counted,
    }


class KeepView(TypedDict):
    """A keep: a lease that defers stops until a time.

    Until `acknowledged_by_machine` is true, the instance may still stop itself if gpudesk is unreachable.
    """

    until: str
    requested_by: str
    acknowledged_by_machine: bool


def keep_view(until: datetime, requested_by: str, report: Report) -> KeepView:
    """Return a keep, with who requested it and whether the instance knows of it."""
    heard = report.heard.keep_until if isinstance(report, Heartbeat) else None
    is_acknowledged = heard is not None and heard >= until
    return {"until": moment(until), "requested_by": requested_by, "acknowledged_by_machine": is_acknowledged}


class DeliveredView(TypedDict):
    """A channel that delivered the stop warning."""

    channel: str
    delivered_at: str


class WarningView(TypedDict):
    """A stop warning.

    `type` is idle, lifetime, failed or no_agent. The stop or termination does not begin before `stop_at`. If
    the warning has not been delivered or answered by then, it waits until `stop_by` at most.
    """

    type: str
    message: str
    created_at: str
    stop_at: str
    stop_by: str
    delivered_channels: list[DeliveredView]


def warning_view(warned: Warned) -> WarningView:
    """Return a stop warning and the channels that delivered it."""
    return {
        "type": str(warned.kind),
        "message": warned.sentence,
        "created_at": moment(warned.at),
        "stop_at": moment(warned.acts_at),
        "stop_by": moment(warned.waits_until),
        "delivered_channels": [{"channel": each.channel, "delivered_at": moment(each.at)} for each in warned.delivered],
    }
