"""What the GPU's signal says of a real NVIDIA GPU under real load, and what asking it costs.

Needs a GPU that nobody else uses, its driver, nvidia-ml-py, psutil and PyTorch for CUDA; takes some four minutes.

python -m benchmarks.gpu_signal
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.signals.gpu import GpuSensor

LOOK_SECONDS = 12.0
"""Shorter than the probe's minute: samples are taken more often, and what the driver keeps between them is the same."""

PROBE_LOOK_SECONDS = 60.0
SETTLING_SECONDS = 3.0
BURSTS_MS = (10, 50, 100, 300, 1000)
SEEN_BURST_MS = 300
"""From here on a burst has to be seen; shorter ones may be averaged away by the driver."""

LOAD = """
import sys, time, torch
held = torch.empty(4 << 30, dtype=torch.uint8, device="cuda")
matrix = torch.randn(2048, 2048, device="cuda")
matrix @ matrix
torch.cuda.synchronize()
print("ready", flush=True)
for line in sys.stdin:
    end = time.monotonic() + float(line)
    while time.monotonic() < end:
        matrix @ matrix
        torch.cuda.synchronize()
    print("done", flush=True)
"""


class Load:
    """A process that holds 4 GiB of the GPU, and computes when it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        self._hear("ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def compute(self, seconds: float) -> None:
        """Begin; whoever asks again before the end waits for it."""
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)

    def computed(self) -> None:
        """Wait for the end."""
        self._hear("done")

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != word:
            raise SystemExit(f"the load says {line!r} instead of {word!r}: is there a GPU, and PyTorch for it?")


@dataclass(frozen=True)
class Row:
    """What was done, what had to be said (None: either), what was said."""

    what: str
    due: SignalState | None
    said: SignalState
    reason: str

    @property
    def is_right(self) -> bool:
        return self.due in (None, self.said)


def look(sensor: GpuSensor, what: str, due: SignalState | None, seconds: float = LOOK_SECONDS) -> Row:
    """Let `seconds` pass, then read as the probe reads."""
    time.sleep(seconds)
    reading = sensor.read(Thresholds())
    row = Row(what, due, reading.state, reading.reason)
    print(f"| {row.what} | {row.said.value}{'' if row.is_right else ' (WRONG)'} | {row.reason} |", flush=True)
    return row


def settle(sensor: GpuSensor) -> None:
    """Let what was done until now be sampled and read: the driver tells of a second's use after that second."""
    time.sleep(SETTLING_SECONDS)
    sensor.read(Thresholds())


@contextmanager
def sensing(gpu_count: int, look_seconds: float) -> Iterator[GpuSensor]:
    """A sensor that samples; its first look is over."""
    sensor = GpuSensor(gpu_count, look_seconds)
    sensor.start()
    settle(sensor)
    yield sensor


def played(sensor: GpuSensor) -> Iterator[Row]:
    """One look after another, each with another load."""
    yield look(sensor, "nothing runs", SignalState.QUIET)
    with Load() as first:
        settle(sensor)
        yield look(sensor, "a process holds 4 GiB", SignalState.QUIET)
        first.compute(LOOK_SECONDS + 2)
        yield look(sensor, "it computes", SignalState.ACTIVE)
        first.computed()
        settle(sensor)
        yield look(sensor, "it is at rest again, and holds", SignalState.QUIET)
        for milliseconds in BURSTS_MS:
            first.compute(milliseconds / 1000)
            due = SignalState.ACTIVE if milliseconds >= SEEN_BURST_MS else None
            yield look(sensor, f"one burst of {milliseconds} ms", due)
            first.computed()
        with Load() as second:
            second.compute(3600)
            yield look(sensor, "a second process computes, the first holds", SignalState.ACTIVE)
        settle(sensor)
        yield look(sensor, "the second was killed at work", SignalState.QUIET)
    settle(sensor)
    yield look(sensor, "the first was killed", SignalState.QUIET)


def played_by_the_minute(sensor: GpuSensor) -> Iterator[Row]:
    """The probe's own interval, with one burst that no sample of the probe's own coincides with."""
    with Load() as load:
        settle(sensor)
        time.sleep(6)
        load.compute(SEEN_BURST_MS / 1000)
        yield look(
            sensor, f"in a whole minute one burst of {SEEN_BURST_MS} ms", SignalState.ACTIVE, PROBE_LOOK_SECONDS - 6
        )


def measure_cost() -> tuple[list[Row], str]:
    """What was said, and what asking cost this process, which does nothing else meanwhile."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    with sensing(1, PROBE_LOOK_SECONDS) as sensor:
        rows = list(played_by_the_minute(sensor))
    after, passed = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    cpu_ms = 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return rows, f"asking took {cpu_ms:.0f} ms of CPU time in {passed:.0f} s, and {after.ru_maxrss / 1000:.0f} MB"


def main() -> int:
    """Exit status 1 where the signal said something else than it had to."""
    print("| what happens on the GPU | the signal | its reason |\n|---|---|---|", flush=True)
    rows, cost = measure_cost()
    with sensing(1, LOOK_SECONDS) as sensor:
        rows += list(played(sensor))
    with sensing(2, LOOK_SECONDS) as sensor:
        rows.append(look(sensor, "one GPU of two is missing", SignalState.UNKNOWN))
    print(cost)
    return int(not all(row.is_right for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
