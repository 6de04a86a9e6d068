"""The idle policy."""

from typing_extensions import TypedDict

from chalicelib.domain.idle.policy import IdlePolicy, Thresholds


class ThresholdsView(TypedDict):
    """From where on a figure is work: of any GPU, of one core over all cores, of any disk, of any interface."""

    gpu_percent: int
    cpu_core_percent: int
    disk_kib_per_second: int
    network_kib_per_second: int


def to_thresholds_view(thresholds: Thresholds) -> ThresholdsView:
    """Thresholds, with their units in the names."""
    return {
        "gpu_percent": thresholds.gpu_percent,
        "cpu_core_percent": thresholds.cpu_core_percent,
        "disk_kib_per_second": thresholds.disk_kib_per_second,
        "network_kib_per_second": thresholds.network_kib_per_second,
    }


class IdlePolicyView(TypedDict):
    """After `idle_minutes` in which none of `signals` was active a warning, `warning_minutes` later the stop."""

    idle_minutes: int
    warning_minutes: int
    signals: list[str]
    thresholds: ThresholdsView


def to_policy_view(policy: IdlePolicy) -> IdlePolicyView:
    """A policy, complete."""
    return {
        "idle_minutes": policy.idle_minutes,
        "warning_minutes": policy.warning_minutes,
        "signals": list(policy.signals),
        "thresholds": to_thresholds_view(policy.thresholds),
    }
