"""What the desk tells a machine: the answer to its heartbeat. The machine obeys it where the desk is away."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.activity.policy import IdlePolicy, Thresholds


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A warning of the desk's that stands: the machine passes it on to its terminals and to JupyterLab, once.

    :param kind: what it is about: idle, lifetime, failed, no_agent
    :param acts_at: the desk does not act before
    """

    id: str
    kind: str
    acts_at: datetime


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a keep that was asked for on the machine.

    :param id: the wish's
    :param sentence: why, where it was refused; until when, where it was granted
    """

    id: str
    granted: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The desk's own copies of what a machine must know.

    :param mode: the machine stops itself only in `enforce`
    """

    mode: str = "enforce"
    policy: IdlePolicy = IdlePolicy()
    keep_until: datetime | None = None
    warning: Announced | None = None
    answer: Answer | None = None


def plain_orders(orders: Orders) -> dict[str, Any]:
    """As DynamoDB and JSON can hold them."""
    policy, thresholds = orders.policy, orders.policy.thresholds
    plain: dict[str, Any] = {
        "mode": orders.mode,
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
    if orders.keep_until:
        plain["keep_until"] = _seconds(orders.keep_until)
    if orders.warning:
        plain["warning"] = [orders.warning.id, orders.warning.kind, _seconds(orders.warning.acts_at)]
    if orders.answer:
        plain["keep_result"] = [orders.answer.id, orders.answer.granted, orders.answer.sentence[:60]]
    return plain


def orders_from(plain: Mapping[str, Any]) -> Orders:
    """Read them again; what a newer desk adds is passed over.

    :raises KeyError, TypeError, ValueError: they are not orders
    """
    gpu, cpu, disk, network = plain["thresholds"]
    warning, answer = plain.get("warning"), plain.get("keep_result")
    return Orders(
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
        warning=Announced(id=str(warning[0]), kind=str(warning[1]), acts_at=_moment(warning[2])) if warning else None,
        answer=Answer(id=str(answer[0]), granted=bool(answer[1]), sentence=str(answer[2])) if answer else None,
    )


def as_read(orders: Orders) -> Orders:
    """The orders as the machine reads them: whole seconds, a shortened answer. Only these can be compared with its."""
    return orders_from(plain_orders(orders))


def _seconds(moment: datetime) -> int:
    """Rounded up: neither a keep nor a warning ends early on the machine."""
    return math.ceil(moment.timestamp())


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
