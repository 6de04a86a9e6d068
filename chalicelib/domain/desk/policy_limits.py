"""Apply the limits of the desk to policies: clamp stored policies, and validate requested ones."""

from collections.abc import Iterator
from dataclasses import fields, replace

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import IdlePolicy, Thresholds

MIN_IDLE_MINUTES = 3
"""There is a sample each minute. Fewer than three say nothing about the time between them."""

MAX_THRESHOLDS = Thresholds(
    gpu_percent=100, cpu_core_percent=100_000, disk_kib_per_second=10_000_000, network_kib_per_second=10_000_000
)
"""No instance exceeds these values. With a higher threshold a signal could never be active."""


def resolve_default_policy(
    override: PolicyOverride, policy: IdlePolicy, max_hours: int, limits: Limits
) -> tuple[IdlePolicy, int]:
    """Return the policy and the maximum hours of an owner's new instances, unless the request sets others.

    The owner's settings replace the defaults of the desk. An admin may have lowered the limits since the owner set
    them, so values that exceed the limits are clamped: a launch request that sets no policy is never rejected for them.

    :param override: the policy settings of the owner
    """
    return clamp_policy(*apply_override(override, policy, max_hours), limits)


def clamp_policy(policy: IdlePolicy, max_hours: int, limits: Limits) -> tuple[IdlePolicy, int]:
    """Return the policy and the maximum hours, clamped to the limits. Values within the limits do not change."""
    idle_minutes = max(MIN_IDLE_MINUTES, min(policy.idle_minutes, limits.idle_minutes))
    clamped = replace(
        policy,
        idle_minutes=idle_minutes,
        warning_minutes=max(1, min(policy.warning_minutes, limits.warning_minutes, idle_minutes)),
        signals=tuple(name for name in policy.signals if name in limits.signals) or limits.signals,
        thresholds=Thresholds(
            **{
                item.name: max(getattr(policy.thresholds, item.name), getattr(limits.min_thresholds, item.name))
                for item in fields(Thresholds)
            }
        ),
    )
    return clamped, max(1, min(max_hours, limits.max_hours))


def validate_policy(policy: IdlePolicy, max_hours: int, limits: Limits) -> Iterator[FieldError]:
    """Yield an error for each field of a policy that exceeds the limits."""
    if not MIN_IDLE_MINUTES <= policy.idle_minutes <= limits.idle_minutes:
        accepted = f"must be {MIN_IDLE_MINUTES} (three samples) to {limits.idle_minutes} minutes"
        yield FieldError("idle_policy.idle_minutes", f"{accepted}, not {policy.idle_minutes}")
    if not 1 <= policy.warning_minutes <= limits.warning_minutes:
        accepted = f"must be 1 to {limits.warning_minutes} minutes"
        yield FieldError("idle_policy.warning_minutes", f"{accepted}, not {policy.warning_minutes}")
    if policy.warning_minutes > policy.idle_minutes:
        limit = f"must be at most idle_minutes ({policy.idle_minutes}), not {policy.warning_minutes}"
        yield FieldError("idle_policy.warning_minutes", limit)
    yield from _check_signals(policy.signals, limits)
    yield from _check_thresholds(policy.thresholds, limits.min_thresholds)
    if not 1 <= max_hours <= limits.max_hours:
        yield FieldError("max_hours", f"must be 1 to {limits.max_hours} hours, not {max_hours}")


def _check_signals(signals: tuple[str, ...], limits: Limits) -> Iterator[FieldError]:
    accepted = ", ".join(limits.signals)
    if not signals:
        yield FieldError("idle_policy.signals", f"must name at least one of {accepted}")
    for name in signals:
        if name not in limits.signals:
            yield FieldError("idle_policy.signals", f"must be one of {accepted}, not {name[:40]!r}")
        elif signals.count(name) > 1:
            yield FieldError(
                "idle_policy.signals", f"must name each signal once; {name} is named {signals.count(name)} times"
            )
            return


def _check_thresholds(thresholds: Thresholds, min_thresholds: Thresholds) -> Iterator[FieldError]:
    for item in fields(Thresholds):
        value = getattr(thresholds, item.name)
        low, high = getattr(min_thresholds, item.name), getattr(MAX_THRESHOLDS, item.name)
        if not low <= value <= high:
            yield FieldError(f"idle_policy.thresholds.{item.name}", f"must be {low} to {high}, not {value}")
