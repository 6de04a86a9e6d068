"""What the desk tells a machine: the answer to its heartbeat. The machine obeys it where the desk is away."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.idle.policy import IdlePolicy, Thresholds


@dataclass(frozen=True, kw_only=True)
class ActiveWarning:
    """A warning of the desk's that stands: the machine passes it on to its terminals and to JupyterLab, once.

    :param warning_type: what it is about: idle, lifetime, failed, no_agent
    :param stop_at: the desk does not act before
    """

    id: str
    warning_type: str
    stop_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeepResult:
    """What became of a keep that was asked for on the machine.

    :param id: the wish's
    :param message: why, where it was refused; until when, where it was granted
    """

    id: str
    granted: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class HeartbeatResponse:
    """The desk's own copies of what a machine must know.

    :param mode: the machine stops itself only in `enforce`
    """

    mode: str = "enforce"
    policy: IdlePolicy = IdlePolicy()
    keep_until: datetime | None = None
    warning: ActiveWarning | None = None
    keep_result: KeepResult | None = None


def encode_response(response: HeartbeatResponse) -> dict[str, Any]:
    """As DynamoDB and JSON can hold them."""
    policy, thresholds = response.policy, response.policy.thresholds
    plain: dict[str, Any] = {
        "mode": response.mode,
        "idle_minutes": policy.idle_minutes,
        "warning_minutes": policy.warning_minutes,
        "signals": list(policy.signals),
        "thresholds": [
            thresholds.gpu_percent,
            thresholds.cpu_core_percent,
            thresholds.disk_kib_per_second,
            thresholds.network_kib_per_second,
        ],
    }
    if response.keep_until:
        plain["keep_until"] = _seconds(response.keep_until)
    if response.warning:
        plain["warning"] = [response.warning.id, response.warning.warning_type, _seconds(response.warning.stop_at)]
    if response.keep_result:
        plain["keep_result"] = [
            response.keep_result.id,
            response.keep_result.granted,
            response.keep_result.message[:60],
        ]
    return plain


def decode_response(plain: Mapping[str, Any]) -> HeartbeatResponse:
    """Read them again; what a newer desk adds is passed over.

    :raises KeyError, TypeError, ValueError: they are not orders
    """
    gpu, cpu, disk, network = plain["thresholds"]
    warning, keep_result = plain.get("warning"), plain.get("keep_result")
    return HeartbeatResponse(
        mode=str(plain["mode"]),
        policy=IdlePolicy(
            idle_minutes=int(plain["idle_minutes"]),
            warning_minutes=int(plain["warning_minutes"]),
            signals=tuple(str(name) for name in plain["signals"]),
            thresholds=Thresholds(
                gpu_percent=int(gpu),
                cpu_core_percent=int(cpu),
                disk_kib_per_second=int(disk),
                network_kib_per_second=int(network),
            ),
        ),
        keep_until=_moment(plain["keep_until"]) if "keep_until" in plain else None,
        warning=ActiveWarning(id=str(warning[0]), warning_type=str(warning[1]), stop_at=_moment(warning[2]))
        if warning
        else None,
        keep_result=KeepResult(id=str(keep_result[0]), granted=bool(keep_result[1]), message=str(keep_result[2]))
        if keep_result
        else None,
    )


def normalize_response(response: HeartbeatResponse) -> HeartbeatResponse:
    """The orders as the machine reads them: whole seconds, a shortened answer. Only these can be compared with its."""
    return decode_response(encode_response(response))


def _seconds(moment: datetime) -> int:
    """Rounded up: neither a keep nor a warning ends early on the machine."""
    return math.ceil(moment.timestamp())


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
