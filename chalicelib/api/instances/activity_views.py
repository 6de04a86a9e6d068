"""Views of activity, keeps and stop warnings."""

from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.views.values import format_optional_timestamp
from chalicelib.control.services.queries import InstanceSnapshot
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.evidence import Evidence
from chalicelib.domain.idle.heartbeat import Heartbeat, MissedHeartbeats, Report
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.idle.rule import ActivityJudgment
from chalicelib.domain.instances.warning import StopWarning


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


def to_activity_view(activity: ActivityJudgment, shown: InstanceSnapshot) -> ActivityView:
    """Return the activity state with every signal of the last heartbeat."""
    spec, report = shown.instance.spec, shown.heartbeat
    counted = spec.policy.idle.enabled_signals(has_gpu=spec.hardware.nvidia_gpu_count > 0)
    heartbeat = report if isinstance(report, Heartbeat) else None
    return {
        "state": str(activity.state),
        "message": activity.reason.message,
        "quiet_since": format_optional_timestamp(activity.quiet_since),
        "reported_at": format_timestamp(heartbeat.at) if heartbeat else None,
        "signals": [_signal(name, heartbeat.signals[name], counted) for name in SIGNALS if name in heartbeat.signals]
        if heartbeat
        else [],
        "missed_heartbeats": _missed(heartbeat.missed_heartbeats)
        if heartbeat and heartbeat.missed_heartbeats
        else None,
    }


def _missed(missed: MissedHeartbeats) -> MissedHeartbeatsView:
    return {"count": missed.count, "since": format_timestamp(missed.since), "reason": missed.reason}


def _signal(name: str, evidence: Evidence, counted: frozenset[str]) -> SignalView:
    return {
        "name": name,
        "state": str(evidence.state.value),
        "since": format_timestamp(evidence.since),
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


def to_keep_view(until: datetime, requested_by: str, report: Report) -> KeepView:
    """Return a keep, with who requested it and whether the instance knows of it."""
    heard = report.acknowledged.keep_until if isinstance(report, Heartbeat) else None
    is_acknowledged = heard is not None and heard >= until
    return {"until": format_timestamp(until), "requested_by": requested_by, "acknowledged_by_machine": is_acknowledged}


class DeliveredChannelView(TypedDict):
    """A channel that delivered the stop warning."""

    channel: str
    delivered_at: str


class StopWarningView(TypedDict):
    """A stop warning.

    `type` is idle, lifetime, failed or no_agent. The stop or termination does not begin before `stop_at`. If
    the warning has not been delivered or answered by then, it waits until `stop_by` at most.
    """

    type: str
    message: str
    created_at: str
    stop_at: str
    stop_by: str
    delivered_channels: list[DeliveredChannelView]


def to_warning_view(warned: StopWarning) -> StopWarningView:
    """Return a stop warning and the channels that delivered it."""
    return {
        "type": str(warned.warning_type),
        "message": warned.message,
        "created_at": format_timestamp(warned.created_at),
        "stop_at": format_timestamp(warned.stop_at),
        "stop_by": format_timestamp(warned.stop_by),
        "delivered_channels": [
            {"channel": delivery.channel, "delivered_at": format_timestamp(delivery.delivered_at)}
            for delivery in warned.deliveries
        ],
    }
