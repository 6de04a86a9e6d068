"""A part of a policy, as an owner's settings or a request name it, and how it changes a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy


@dataclass(frozen=True, kw_only=True)
class PolicyOverride:
    """A policy as somebody said it; None is "as it is otherwise": the instance's, the owner's, the desk's.

    :param signals: those of SIGNALS that count
    :param thresholds: fields of Thresholds that are named
    """

    idle_minutes: int | None = None
    warning_minutes: int | None = None
    signals: tuple[str, ...] | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    max_hours: int | None = None


def apply_override(override: PolicyOverride, policy: IdlePolicy, max_hours: int) -> tuple[IdlePolicy, int]:
    """A policy and the maximum hours, changed by what was said. A warning that was not asked for fits the window."""
    idle_minutes = policy.idle_minutes if override.idle_minutes is None else override.idle_minutes
    warning_minutes = override.warning_minutes
    if warning_minutes is None:
        warning_minutes = max(1, min(policy.warning_minutes, idle_minutes))
    changed = replace(
        policy,
        idle_minutes=idle_minutes,
        warning_minutes=warning_minutes,
        signals=policy.signals if override.signals is None else _sort_signals(override.signals),
        thresholds=replace(policy.thresholds, **override.thresholds),
    )
    return changed, max_hours if override.max_hours is None else override.max_hours


def _sort_signals(signals: tuple[str, ...]) -> tuple[str, ...]:
    """As they are listed everywhere; what is unknown or doubled stays, to be refused."""
    return tuple(sorted(signals, key=lambda name: SIGNALS.index(name) if name in SIGNALS else len(SIGNALS)))
