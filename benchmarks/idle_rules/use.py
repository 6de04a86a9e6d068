"""A minute of an instance's use: what is true of it, and what can be measured of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from tools.replay.history import Reading

THRESHOLDS = Thresholds()


@dataclass(frozen=True, kw_only=True)
class MinuteOfUse:
    """One minute.

    :param busy: the truth that every stop is judged by: somebody or something needs the instance now
    :param attended: somebody is at it, would answer a warning, and would start it again if it were gone
    :param gpu_peak: percent, of the busiest GPU in the busiest sample
    :param gpu_mean: percent, over all GPUs and the whole minute
    :param cores: CPU time, in cores
    :param disk: KiB/s of the busiest disk
    :param network: KiB/s of the busiest interface, without what polls through the agent
    :param kernel: a Jupyter kernel says that it is busy, or was used
    :param typed: somebody typed on a terminal or worked in an editor
    :param connected: a session, an editor, a tmux or a browser tab is open
    :param held: by `gpudesk-hold`
    :param heard: the probe works
    """

    busy: bool
    attended: bool = False
    gpu_peak: float = 0
    gpu_mean: float = 0
    cores: float = 0.03
    disk: float = 20
    network: float = 3
    kernel: bool = False
    typed: bool = False
    connected: bool = False
    held: bool = False
    heard: bool = True


@cache
def readings(use: MinuteOfUse) -> Mapping[str, Reading]:
    """What the probe's sensors make of it under the default thresholds: one sample of each signal."""
    active = {
        "gpu": use.gpu_peak >= THRESHOLDS.gpu_percent,
        "jupyter": use.kernel,
        "sessions": use.typed,
        "hold": use.held,
        "cpu": use.cores * 100 >= THRESHOLDS.cpu_core_percent,
        "disk": use.disk >= THRESHOLDS.disk_kib_per_second,
        "network": use.network >= THRESHOLDS.network_kib_per_second,
    }
    return {
        name: Reading(SignalState.ACTIVE if is_active else SignalState.QUIET, name)
        for name, is_active in active.items()
    }


REST = MinuteOfUse(busy=False)
"""Switched on, and that is all; memory of a GPU may be held, which no rule here goes by."""

UPGRADES = MinuteOfUse(busy=False, cores=0.9, disk=8_000, network=2_500)
"""The system's own, of an early morning: they look like work."""

TAB = MinuteOfUse(busy=False, connected=True)
"""A browser tab left open, or a tmux with nothing in it."""

HUNG = MinuteOfUse(busy=False, kernel=True)
"""A kernel that says busy and will never again be anything else."""

TYPING = MinuteOfUse(busy=True, attended=True, typed=True, connected=True, cores=0.2)
THINKING = MinuteOfUse(busy=True, attended=True, connected=True)
CELL = MinuteOfUse(busy=True, attended=True, kernel=True, connected=True, gpu_peak=70, gpu_mean=40, cores=1.2, disk=300)
TRAINING = MinuteOfUse(busy=True, gpu_peak=98, gpu_mean=90, cores=3.5, disk=5_000)
TRYING = replace(TRAINING, attended=True, connected=True)
LOADING = MinuteOfUse(busy=True, cores=2.5, disk=120_000)
EVALUATING = MinuteOfUse(busy=True, cores=1)
BURSTS = MinuteOfUse(busy=True, gpu_peak=60, gpu_mean=2, cores=0.2, disk=200)
COPYING = MinuteOfUse(busy=True, cores=0.15, disk=40_000)
SENDING = MinuteOfUse(busy=True, cores=0.15, network=12_000)
DOWNLOADING = MinuteOfUse(busy=True, cores=0.2, disk=9_000, network=9_000)
COUNTING = MinuteOfUse(busy=True, cores=1)
WAITING = MinuteOfUse(busy=True, held=True)
"""For something outside that no signal sees: a measuring device, an answer of a queue."""
