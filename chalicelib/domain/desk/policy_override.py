"""Define the part of a policy that a request or the settings of an owner set, and apply it to a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy


@dataclass(frozen=True, kw_only=True)
class PolicyOverride:
    """The fields of a policy that a request or the settings of an owner set.

    None: the field is not set, and the policy to which the override is applied keeps its value.

    :param signals: the signals that the policy uses, of SIGNALS
    :param thresholds: values by the name of the field of Thresholds
    :param before_stop_hook: path of the program that runs before a stop; an empty text: no program
    """

    idle_minutes: int | None = None
    warning_minutes: int | None = None
    signals: tuple[str, ...] | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    max_hours: int | None = None
    before_stop_hook: str | None = None

    def choose_hook(self, default: str | None) -> str | None:
        """Return the hook of a policy to which the override is applied; None: no program runs before a stop."""
        return default if self.before_stop_hook is None else self.before_stop_hook or None


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


def warn_if_lowered(override: PolicyOverride, before: int, after: IdlePolicy) -> WriteWarning | None:
    """Warn that a request shortened the warning period without naming it; None if it did not.

    :param override: the fields that the request sets
    :param before: the `warning_minutes` that would apply otherwise
    :param after: the policy with the fields of the request
    """
    lowered = after.warning_minutes
    if override.warning_minutes is not None or lowered >= before or lowered != max(1, after.idle_minutes):
        return None
    message = (
        f"warning_minutes is {lowered} instead of {before}, because it cannot exceed idle_minutes. It stays {lowered} "
        "until a request sets another value."
    )
    return WriteWarning(WarningCode.WARNING_MINUTES_LOWERED, message)


def _sort_signals(signals: tuple[str, ...]) -> tuple[str, ...]:
    """Return the signals in the order of SIGNALS. Unknown and repeated names stay, so that validation finds them."""
    return tuple(sorted(signals, key=lambda name: SIGNALS.index(name) if name in SIGNALS else len(SIGNALS)))
