"""Kinds of minutes of an instance, each with the truth about its use and with measurements."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from tools.replay.events import Reading

THRESHOLDS = Thresholds()


@dataclass(frozen=True, kw_only=True)
class MinuteOfUse:
    """One minute of an instance. `is_busy` and `is_attended` are the truth, the other fields are measurements.

    :param is_busy: a person or a program needs the instance
    :param is_attended: a person uses the instance, responds to a stop warning, and starts it again after a stop
    :param gpu_peak: percent of the busiest GPU in its busiest sample
    :param gpu_mean: percent over all GPUs and the whole minute
    :param cores: CPU time in cores
    :param disk: KiB/s of the busiest disk
    :param network: KiB/s of the busiest interface, without connections of the SSM agent
    :param has_kernel_activity: a Jupyter kernel is busy or was used in this minute
    :param has_typing: somebody typed on a terminal or in an editor
    :param is_connected: a session, an editor, a tmux or a browser tab is open
    :param is_held: `gpudesk-hold` is active
    :param has_heartbeat: the probe works
    """

    is_busy: bool
    is_attended: bool = False
    gpu_peak: float = 0
    gpu_mean: float = 0
    cores: float = 0.03
    disk: float = 20
    network: float = 3
    has_kernel_activity: bool = False
    has_typing: bool = False
    is_connected: bool = False
    is_held: bool = False
    has_heartbeat: bool = True


@cache
def build_readings(use: MinuteOfUse) -> Mapping[str, Reading]:
    """Return one sample of each signal, as the sensors of the probe measure it with the default thresholds."""
    active = {
        "gpu": use.gpu_peak >= THRESHOLDS.gpu_percent,
        "jupyter": use.has_kernel_activity,
        "sessions": use.has_typing,
        "hold": use.is_held,
        "cpu": use.cores * 100 >= THRESHOLDS.cpu_core_percent,
        "disk": use.disk >= THRESHOLDS.disk_kib_per_second,
        "network": use.network >= THRESHOLDS.network_kib_per_second,
    }
    return {
        name: Reading(SignalState.ACTIVE if is_active else SignalState.QUIET, name)
        for name, is_active in active.items()
    }


REST = MinuteOfUse(is_busy=False)
"""Running instance without use. GPU memory may be allocated, but no rule considers that."""

UPGRADES = MinuteOfUse(is_busy=False, cores=0.9, disk=8_000, network=2_500)
"""System upgrades in the early morning. They look like work."""

TAB = MinuteOfUse(is_busy=False, is_connected=True)
"""Open browser tab, or tmux session without a program, that nobody uses."""

HUNG = MinuteOfUse(is_busy=False, has_kernel_activity=True)
"""Hung kernel, which reports busy forever."""

TYPING = MinuteOfUse(is_busy=True, is_attended=True, has_typing=True, is_connected=True, cores=0.2)
THINKING = MinuteOfUse(is_busy=True, is_attended=True, is_connected=True)
CELL = MinuteOfUse(
    is_busy=True,
    is_attended=True,
    has_kernel_activity=True,
    is_connected=True,
    gpu_peak=70,
    gpu_mean=40,
    cores=1.2,
    disk=300,
)
TRAINING = MinuteOfUse(is_busy=True, gpu_peak=98, gpu_mean=90, cores=3.5, disk=5_000)
TRYING = replace(TRAINING, is_attended=True, is_connected=True)
LOADING = MinuteOfUse(is_busy=True, cores=2.5, disk=120_000)
EVALUATING = MinuteOfUse(is_busy=True, cores=1)
BURSTS = MinuteOfUse(is_busy=True, gpu_peak=60, gpu_mean=2, cores=0.2, disk=200)
COPYING = MinuteOfUse(is_busy=True, cores=0.15, disk=40_000)
SENDING = MinuteOfUse(is_busy=True, cores=0.15, network=12_000)
DOWNLOADING = MinuteOfUse(is_busy=True, cores=0.2, disk=9_000, network=9_000)
COUNTING = MinuteOfUse(is_busy=True, cores=1)
WAITING = MinuteOfUse(is_busy=True, is_held=True)
"""Waiting that no signal but a hold detects, for example for a measuring device or for a message of a queue."""
