"""Check the GPU signal on a real NVIDIA GPU under real load, and measure the costs of sampling.

This needs an unused GPU, its driver, nvidia-ml-py, psutil and PyTorch for CUDA. It takes about four minutes.

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

READING_SECONDS = 12.0
"""Seconds per reading, fewer than the probe's 60. Samples are more frequent, and the driver keeps the same history."""

PROBE_READING_SECONDS = 60.0
SETTLING_SECONDS = 3.0
BURSTS_MS = (10, 50, 100, 300, 1000)
DETECTED_BURST_MS = 300
"""Shortest burst that must be detected. In shorter ones, the driver's average may hide the activity."""

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
    """Process that allocates 4 GiB of GPU memory and computes on request."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        """Wait until the process is ready."""
        self._expect("ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()

    def compute(self, seconds: float) -> None:
        """Start to compute for `seconds`. A second computation waits until the first one has ended."""
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)

    def wait(self) -> None:
        """Wait until one computation has ended."""
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != word:
            raise SystemExit(
                f"The load printed {line!r} instead of {word!r}. Check that there is a GPU, and PyTorch for it."
            )


@dataclass(frozen=True)
class Row:
    """One row of the table: a reading under a load.

    :param load: description of what runs on the GPU
    :param expected: required state; None if both active and quiet are right
    """

    load: str
    expected: SignalState | None
    state: SignalState
    reason: str

    @property
    def is_right(self) -> bool:
        """Return whether the state is the expected one."""
        return self.expected in (None, self.state)


def take_reading(sensor: GpuSensor, load: str, expected: SignalState | None, seconds: float = READING_SECONDS) -> Row:
    """Wait for `seconds`, read the sensor as the probe does, and print a row of the table."""
    time.sleep(seconds)
    reading = sensor.read(Thresholds())
    row = Row(load, expected, reading.state, reading.reason)
    print(f"| {row.load} | {row.state.value}{'' if row.is_right else ' (WRONG)'} | {row.reason} |", flush=True)
    return row


def settle(sensor: GpuSensor) -> None:
    """Wait until earlier activity is sampled, and drop that reading. The driver reports activity one second later."""
    time.sleep(SETTLING_SECONDS)
    sensor.read(Thresholds())


@contextmanager
def run_sensor(gpu_count: int, reading_seconds: float) -> Iterator[GpuSensor]:
    """Provide a sensor that samples and was read once."""
    sensor = GpuSensor(gpu_count, reading_seconds)
    sensor.start()
    settle(sensor)
    yield sensor


def run_loads(sensor: GpuSensor) -> Iterator[Row]:
    """Yield readings under different loads."""
    yield take_reading(sensor, "nothing runs", SignalState.QUIET)
    with Load() as first:
        settle(sensor)
        yield take_reading(sensor, "a process holds 4 GiB", SignalState.QUIET)
        first.compute(READING_SECONDS + 2)
        yield take_reading(sensor, "it computes", SignalState.ACTIVE)
        first.wait()
        settle(sensor)
        yield take_reading(sensor, "it has stopped computing and holds 4 GiB", SignalState.QUIET)
        for milliseconds in BURSTS_MS:
            first.compute(milliseconds / 1000)
            expected = SignalState.ACTIVE if milliseconds >= DETECTED_BURST_MS else None
            yield take_reading(sensor, f"one burst of {milliseconds} ms", expected)
            first.wait()
        with Load() as second:
            second.compute(3600)
            yield take_reading(sensor, "a second process computes, the first holds 4 GiB", SignalState.ACTIVE)
        settle(sensor)
        yield take_reading(sensor, "the second process was killed while it computed", SignalState.QUIET)
    settle(sensor)
    yield take_reading(sensor, "the first process was killed", SignalState.QUIET)


def run_one_burst(sensor: GpuSensor) -> Iterator[Row]:
    """Yield one reading after the interval of the probe, in which one burst happened."""
    with Load() as load:
        settle(sensor)
        time.sleep(6)
        load.compute(DETECTED_BURST_MS / 1000)
        yield take_reading(
            sensor,
            f"one burst of {DETECTED_BURST_MS} ms in a whole minute",
            SignalState.ACTIVE,
            PROBE_READING_SECONDS - 6,
        )


def measure_cost() -> tuple[list[Row], str]:
    """Return readings, and a sentence with the CPU time and memory of this process, which only samples."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    with run_sensor(1, PROBE_READING_SECONDS) as sensor:
        rows = list(run_one_burst(sensor))
    after, passed = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    cpu_ms = 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (
        rows,
        f"Sampling took {cpu_ms:.0f} ms of CPU time in {passed:.0f} s, and {after.ru_maxrss / 1000:.0f} MB of memory.",
    )


def main() -> int:
    """Print the table and the costs, and return exit status 1 if a reading was wrong."""
    print("| load of the GPU | signal | reason |\n|---|---|---|", flush=True)
    rows, cost = measure_cost()
    with run_sensor(1, READING_SECONDS) as sensor:
        rows += list(run_loads(sensor))
    with run_sensor(2, READING_SECONDS) as sensor:
        rows.append(take_reading(sensor, "one of two GPUs is missing", SignalState.UNKNOWN))
    print(cost)
    return int(not all(row.is_right for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
