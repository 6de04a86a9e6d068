"""A policy as people ask for one, from the desk's to the owner's to the instance's, and what is wrong with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds

MIN_IDLE_MINUTES = 3
"""Three samples: fewer say nothing of what lay between them."""

HIGHEST_THRESHOLDS = Thresholds(
    gpu_percent=100, cpu_core_percent=100_000, disk_kib_per_second=10_000_000, network_kib_per_second=10_000_000
)
"""Beyond any machine's: a threshold that nothing reaches would be a signal that does not count."""


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


def apply_override(request: PolicyOverride, policy: IdlePolicy, max_hours: int) -> tuple[IdlePolicy, int]:
    """A policy and the maximum hours, changed by what was said. A warning that was not asked for fits the window."""
    idle_minutes = policy.idle_minutes if request.idle_minutes is None else request.idle_minutes
    warning_minutes = request.warning_minutes
    if warning_minutes is None:
        warning_minutes = max(1, min(policy.warning_minutes, idle_minutes))
    changed = replace(
        policy,
        idle_minutes=idle_minutes,
        warning_minutes=warning_minutes,
        signals=policy.signals if request.signals is None else _in_order(request.signals),
        thresholds=replace(policy.thresholds, **request.thresholds),
    )
    return changed, max_hours if request.max_hours is None else request.max_hours


def effective_default(
    own: PolicyOverride, policy: IdlePolicy, max_hours: int, limits: Limits
) -> tuple[IdlePolicy, int]:
    """What an owner's instances get that a request does not say: the owner's over the desk's, within today's bounds.

    What was set under other limits is cut to these, so that a request that says nothing is never refused for it.
    """
    return clamp(*apply_override(own, policy, max_hours), limits)


def clamp(wished: IdlePolicy, hours: int, limits: Limits) -> tuple[IdlePolicy, int]:
    """A policy and the maximum hours, cut to what the admin allows; what is allowed stays as it is."""
    idle_minutes = max(MIN_IDLE_MINUTES, min(wished.idle_minutes, limits.idle_minutes))
    policy = replace(
        wished,
        idle_minutes=idle_minutes,
        warning_minutes=max(1, min(wished.warning_minutes, limits.warning_minutes, idle_minutes)),
        signals=tuple(name for name in wished.signals if name in limits.signals) or limits.signals,
        thresholds=Thresholds(
            **{
                each.name: max(getattr(wished.thresholds, each.name), getattr(limits.min_thresholds, each.name))
                for each in fields(Thresholds)
            }
        ),
    )
    return policy, max(1, min(hours, limits.max_hours))


def policy_errors(policy: IdlePolicy, max_hours: int, limits: Limits) -> Iterator[FieldError]:
    """What is wrong with a policy, and what would be right."""
    if not MIN_IDLE_MINUTES <= policy.idle_minutes <= limits.idle_minutes:
        right = f"must be {MIN_IDLE_MINUTES} (three samples) to {limits.idle_minutes} minutes"
        yield FieldError("idle_policy.idle_minutes", f"{right}, not {policy.idle_minutes}")
    if not 1 <= policy.warning_minutes <= limits.warning_minutes:
        right = f"must be 1 to {limits.warning_minutes} minutes"
        yield FieldError("idle_policy.warning_minutes", f"{right}, not {policy.warning_minutes}")
    if policy.warning_minutes > policy.idle_minutes:
        window = f"the window of {policy.idle_minutes} minutes"
        yield FieldError("idle_policy.warning_minutes", f"must not be longer than {window}")
    yield from _signal_errors(policy.signals, limits)
    yield from _threshold_errors(policy.thresholds, limits.min_thresholds)
    if not 1 <= max_hours <= limits.max_hours:
        yield FieldError("max_hours", f"must be 1 to {limits.max_hours} hours, not {max_hours}")


def _signal_errors(signals: tuple[str, ...], limits: Limits) -> Iterator[FieldError]:
    allowed = ", ".join(limits.signals)
    if not signals:
        yield FieldError("idle_policy.signals", f"must name at least one of {allowed}")
    for name in signals:
        if name not in limits.signals:
            yield FieldError("idle_policy.signals", f"must be of {allowed}, not {name[:40]!r}")
        elif signals.count(name) > 1:
            yield FieldError("idle_policy.signals", f"must name each once; {name} is there {signals.count(name)} times")
            return


def _threshold_errors(thresholds: Thresholds, lowest: Thresholds) -> Iterator[FieldError]:
    for each in fields(Thresholds):
        value = getattr(thresholds, each.name)
        low, high = getattr(lowest, each.name), getattr(HIGHEST_THRESHOLDS, each.name)
        if not low <= value <= high:
            yield FieldError(f"idle_policy.thresholds.{each.name}", f"must be {low} to {high}, not {value}")


def _in_order(signals: tuple[str, ...]) -> tuple[str, ...]:
    """As they are listed everywhere; what is unknown or doubled stays, to be refused."""
    return tuple(sorted(signals, key=lambda name: SIGNALS.index(name) if name in SIGNALS else len(SIGNALS)))
