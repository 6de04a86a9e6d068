"""What counts as use, and how long without it is too long."""

from dataclasses import dataclass
from datetime import timedelta

SIGNALS = ("gpu", "jupyter", "sessions", "hold", "cpu", "disk", "network")
"""Every signal, those first that say most to a person."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From where on a figure is work. They are fixed: what has been busy since boot is busy, not the usual noise.

    :param gpu_percent: utilisation of any one GPU, in any one of the samples of a minute
    :param cpu_core_percent: percent of one core, over all cores together and through a minute (400: four cores)
    :param disk_kib_per_second: read and written, of any one disk, through a minute
    :param network_kib_per_second: received and sent, of any one interface, through a minute
    """

    gpu_percent: int = 5
    cpu_core_percent: int = 25
    disk_kib_per_second: int = 1024
    network_kib_per_second: int = 100


@dataclass(frozen=True, kw_only=True)
class IdlePolicy:
    """After `idle_minutes` in which no counted signal was active a warning, after `warning_minutes` more the stop.

    :param signals: those of SIGNALS that count
    """

    idle_minutes: int = 30
    warning_minutes: int = 10
    signals: tuple[str, ...] = SIGNALS
    thresholds: Thresholds = Thresholds()

    @property
    def idle_window(self) -> timedelta:
        return timedelta(minutes=self.idle_minutes)

    @property
    def warning_period(self) -> timedelta:
        return timedelta(minutes=self.warning_minutes)

    def select_signals(self, *, has_gpu: bool) -> frozenset[str]:
        """The signals that must all be quiet on a machine; the GPU's only where there is one to read.

        A policy of GPUs alone is no way to switch it off where there is none: there all others count.

        :param has_gpu: whether the machine has NVIDIA GPUs
        """
        missing = frozenset() if has_gpu else frozenset({"gpu"})
        return frozenset(self.signals) - missing or frozenset(SIGNALS) - missing
