"""The GPU signal: utilisation of every GPU, by nvidia-smi."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from chalicelib.domain.activity.evidence import State
from ssm_documents.probe.sensors import Reading

BUSY_FROM_PERCENT = 5
"""Below it is what a desktop, a driver or a held context does; work is above it."""

COMMAND_LIMIT_SECONDS = 5.0

COMMAND = ("nvidia-smi", "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits")


class GpuSensor:
    """Active if any GPU works, quiet if every GPU that is expected is seen and rests, else unknown.

    :param gpu_count: how many there must be
    :param ask: gives nvidia-smi's output for COMMAND
    """

    name = "gpu"

    def __init__(self, gpu_count: int, ask: Callable[[], str] | None = None) -> None:
        self._count = gpu_count
        self._ask = ask or _nvidia_smi

    def read(self) -> Reading:
        """Look once.

        :raises subprocess.SubprocessError, OSError: nvidia-smi failed, hangs or is not there
        """
        return judge(self._ask(), self._count)


def judge(output: str, expected: int) -> Reading:
    """What a listing of "index, percent" lines means."""
    lines = [line for line in output.splitlines() if line.strip()]
    readable = {index: percent for index, percent in map(_parse, lines) if percent is not None}
    busy = {index: percent for index, percent in readable.items() if percent >= BUSY_FROM_PERCENT}
    if busy:
        index, percent = max(busy.items(), key=lambda each: each[1])
        also = f", {len(busy)} GPUs busy" if len(busy) > 1 else ""
        return Reading(State.ACTIVE, f"GPU {index} of {expected} at {percent} %{also}")
    if len(readable) < expected:
        seen = f"{len(readable)} of {expected} GPUs readable"
        return Reading(State.UNKNOWN, f"{seen}; nvidia-smi said: {' / '.join(lines) or 'nothing'}")
    return Reading(State.QUIET, f"every GPU below {BUSY_FROM_PERCENT} % ({len(readable)} seen)")


def _parse(line: str) -> tuple[str, int | None]:
    """GPU and percent; None where the figure is none ("[N/A]" with MIG, "[Unknown Error]")."""
    index, _, percent = (part.strip() for part in line.partition(","))
    return index, int(percent) if percent.isdecimal() else None


def _nvidia_smi() -> str:
    return subprocess.run(COMMAND, capture_output=True, text=True, check=True, timeout=COMMAND_LIMIT_SECONDS).stdout
