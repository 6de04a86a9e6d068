"""Idle policy: what counts as activity, and after how long without it an instance is stopped."""

from dataclasses import dataclass
from datetime import timedelta

SIGNALS = ("gpu", "jupyter", "sessions", "hold", "cpu", "disk", "network")
"""All signals, in the order in which reasons name them: the most informative first."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Activity thresholds. A reading at or above its threshold is activity.

    The thresholds are absolute and do not adapt: a load that began at boot is activity, too.

    :param gpu_percent: utilization of any GPU, in any sample of a minute
    :param cpu_core_percent: percent of one core, summed over all cores, as the average of a minute (400: four cores)
    :param disk_kib_per_second: read plus written, of any disk, as the average of a minute
    :param network_kib_per_second: received plus sent, of any interface, as the average of a minute
    """

    gpu_percent: int = 5
    cpu_core_percent: int = 25
    disk_kib_per_second: int = 1024
    network_kib_per_second: int = 100


@dataclass(frozen=True, kw_only=True)
class IdlePolicy:
    """Policy that decides when an idle instance is stopped.

    :param idle_minutes: the idle window; after this time without an active signal, gpudesk sends a stop warning
    :param warning_minutes: the warning period, from the stop warning to the stop
    :param signals: the signals that the policy uses, of SIGNALS
    """

    idle_minutes: int = 30
    warning_minutes: int = 10
    signals: tuple[str, ...] = SIGNALS
    thresholds: Thresholds = Thresholds()

    @property
    def idle_window(self) -> timedelta:
        """Return `idle_minutes` as a duration."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def warning_period(self) -> timedelta:
        """Return `warning_minutes` as a duration."""
        return timedelta(minutes=self.warning_minutes)

    def select_signals(self, *, has_gpu: bool) -> frozenset[str]:
        """Return the signals that must all be quiet on an instance.

        Without an NVIDIA GPU the signal `gpu` cannot be read and is left out. If it is the only signal of the policy,
        all other signals are used instead: otherwise such a policy would switch the idle stop off.

        :param has_gpu: the instance has NVIDIA GPUs
        """
        missing = frozenset() if has_gpu else frozenset({"gpu"})
        return frozenset(self.signals) - missing or frozenset(SIGNALS) - missing
