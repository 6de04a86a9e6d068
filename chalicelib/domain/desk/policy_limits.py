"""A policy as people ask for one, from the desk's to the owner's to the instance's, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import fields, replace

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import IdlePolicy, Thresholds

MIN_IDLE_MINUTES = 3
"""Three samples: fewer say nothing of what lay between them."""

MAX_THRESHOLDS = Thresholds(
    gpu_percent=100, cpu_core_percent=100_000, disk_kib_per_second=10_000_000, network_kib_per_second=10_000_000
)
"""Beyond any machine's: a threshold that nothing reaches would be a signal that does not count."""


def resolve_default_policy(
    override: PolicyOverride, policy: IdlePolicy, max_hours: int, limits: Limits
) -> tuple[IdlePolicy, int]:
    """What an owner's instances get that a request does not say: the owner's over the desk's, within today's bounds.

    What was set under other limits is cut to these, so that a request that says nothing is never refused for it.
    """
    return clamp_policy(*apply_override(override, policy, max_hours), limits)


def clamp_policy(policy: IdlePolicy, max_hours: int, limits: Limits) -> tuple[IdlePolicy, int]:
    """A policy and the maximum hours, cut to what the admin allows; what is allowed stays as it is."""
    idle_minutes = max(MIN_IDLE_MINUTES, min(policy.idle_minutes, limits.idle_minutes))
    clamped = replace(
        policy,
        idle_minutes=idle_minutes,
        warning_minutes=max(1, min(policy.warning_minutes, limits.warning_minutes, idle_minutes)),
        signals=tuple(name for name in policy.signals if name in limits.signals) or limits.signals,
        thresholds=Thresholds(
            **{
                each.name: max(getattr(policy.thresholds, each.name), getattr(limits.min_thresholds, each.name))
                for each in fields(Thresholds)
            }
        ),
    )
    return clamped, max(1, min(max_hours, limits.max_hours))


def validate_policy(policy: IdlePolicy, max_hours: int, limits: Limits) -> Iterator[FieldError]:
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
        low, high = getattr(lowest, each.name), getattr(MAX_THRESHOLDS, each.name)
        if not low <= value <= high:
            yield FieldError(f"idle_policy.thresholds.{each.name}", f"must be {low} to {high}, not {value}")
