"""Define the part of a policy that a request or the settings of an owner set, and apply it to a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy


@dataclass(frozen=True, kw_only=True)
class PolicyOverride:
    """The fields of a policy that a request or the settings of an owner set.

    None: the field is not set, and the policy to which the override is applied keeps its value.

    :param signals: the signals that the policy uses, of SIGNALS
    :param thresholds: values by the name of the field of Thresholds
    """

    idle_minutes: int | None = None
    warning_minutes: int | None = None
    signals: tuple[str, ...] | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    max_hours: int | None = None


def apply_override(override: PolicyOverride, policy: IdlePolicy, max_hours: int) -> tuple[IdlePolicy, int]:
    """Return the policy and the maximum hours with the fields of `override`.

    A warning period that `override` does not set is shortened to the idle window, if that is shorter.
    """
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
    """Return the signals in the order of SIGNALS. Unknown and repeated names stay, so that validation finds them."""
    return tuple(sorted(signals, key=lambda name: SIGNALS.index(name) if name in SIGNALS else len(SIGNALS)))
