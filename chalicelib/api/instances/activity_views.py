"""Views of activity, keeps and stop warnings."""

from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import (
    ActivityStateText,
    DeliveryChannelText,
    SignalName,
    SignalStateText,
    WarningTypeText,
)
from chalicelib.api.common_views import format_optional_timestamp
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.evidence import Evidence
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat, MissedHeartbeats
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.idle.rule import ActivityJudgment
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.instances.warning import StopWarning


class SignalView(TypedDict):
    """One signal as the instance last reported it: `state` is active, quiet or unknown.

    `enabled`: whether the idle policy uses it.
    """

    name: SignalName
    state: SignalStateText
    since: str
    reason: str
    enabled: bool


class MissedHeartbeatsView(TypedDict):
    """Heartbeats that the instance could not send before the last one: how many, since when, and why."""

    count: int
    since: str
    reason: str


class ActivityView(TypedDict):
    """The use of the instance: `state` is busy, quiet, idle or unknown; `message` says why.

    `quiet_since`: since when no enabled signal is active. `reported_at`: the time of the last heartbeat.
    """

    state: ActivityStateText
    message: str
    quiet_since: str | None
    reported_at: str | None
    signals: list[SignalView]
    missed_heartbeats: MissedHeartbeatsView | None


def to_activity_view(activity: ActivityJudgment, spec: Spec, report: DecodedHeartbeat) -> ActivityView:
    """Return the activity state with every signal of the last heartbeat."""
    heartbeat = report if isinstance(report, Heartbeat) else None
    enabled = spec.enabled_signals
    signals = heartbeat.signals if heartbeat else {}
    missed = heartbeat.missed_heartbeats if heartbeat else None
    return {
        "state": str(activity.state),
        "message": activity.reason.message,
        "quiet_since": format_optional_timestamp(activity.quiet_since),
        "reported_at": format_timestamp(heartbeat.at) if heartbeat else None,
        "signals": [_to_signal_view(name, signals[name], enabled) for name in SIGNALS if name in signals],
        "missed_heartbeats": _to_missed_view(missed) if missed else None,
    }


def _to_signal_view(name: str, evidence: Evidence, enabled: frozenset[str]) -> SignalView:
    return {
        "name": name,
        "state": str(evidence.state.value),
        "since": format_timestamp(evidence.since),
        "reason": evidence.reason,
        "enabled": name in enabled,
    }


def _to_missed_view(missed: MissedHeartbeats) -> MissedHeartbeatsView:
    return {"count": missed.count, "since": format_timestamp(missed.since), "reason": missed.reason}


class KeepView(TypedDict):
    """A keep: a lease that defers stops until a time.

    Until `acknowledged_by_machine` is true, the instance may still stop itself if gpudesk is unreachable.
    """

    until: str
    requested_by: str
    acknowledged_by_machine: bool


def to_keep_view(until: datetime, requested_by: str, report: DecodedHeartbeat) -> KeepView:
    """Return the view of a keep.

    :param report: the last heartbeat, with the keep that the instance has acknowledged
    """
    acknowledged_until = report.acknowledged.keep_until if isinstance(report, Heartbeat) else None
    is_acknowledged = acknowledged_until is not None and acknowledged_until >= until
    return {"until": format_timestamp(until), "requested_by": requested_by, "acknowledged_by_machine": is_acknowledged}


class DeliveredChannelView(TypedDict):
    """A channel that delivered the stop warning."""

    channel: DeliveryChannelText
    delivered_at: str


class StopWarningView(TypedDict):
    """A stop warning.

    `type` is idle, lifetime, failed or no_agent. The stop or termination does not begin before `stop_at`. If no channel
    has delivered the warning by then, the stop waits for a delivery, at most until `stop_by`.
    """

    type: WarningTypeText
    message: str
    created_at: str
    stop_at: str
    stop_by: str
    delivered_channels: list[DeliveredChannelView]


def to_warning_view(warning: StopWarning) -> StopWarningView:
    """Return the view of a stop warning, with the channels that delivered it."""
    return {
        "type": str(warning.warning_type),
        "message": warning.message,
        "created_at": format_timestamp(warning.created_at),
        "stop_at": format_timestamp(warning.stop_at),
        "stop_by": format_timestamp(warning.stop_by),
        "delivered_channels": [
            {"channel": delivery.channel, "delivered_at": format_timestamp(delivery.delivered_at)}
            for delivery in warning.deliveries
        ],
    }
