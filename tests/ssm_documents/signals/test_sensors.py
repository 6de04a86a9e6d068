"""Common parts of the sensors: intervals, counters, and the limit that keeps a hanging sensor from delaying others."""

import logging
import threading
import time

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import GuardedSensor, Reading, read_all
from ssm_documents.probe.service import CleanFormatter
from ssm_documents.probe.signals.meter import MIN_SECONDS, CounterDeltas, Stopwatch
from ssm_documents.probe.signals.wiring import LazySensor, build_sensors


class HangingSensor:
    """A sensor that hangs until the event `release` is set."""

    def __init__(self, name: str, release: threading.Event) -> None:
        self.name = name
        self._release = release

    def read(self, thresholds: Thresholds) -> Reading:
        self._release.wait(timeout=60)
        return Reading(SignalState.QUIET, "late")


def test_new_or_reset_counters_grow_from_zero() -> None:
    growth = CounterDeltas({"a": 5.0, "b": 5.0, "gone": 1.0})
    assert growth.advance({"a": 7.0, "b": 3.0, "c": 2.0}) == {"a": 2.0, "b": 3.0, "c": 2.0}
    assert growth.advance({"a": 7.0}) == {"a": 0.0}


def test_first_reading_waits_for_a_minimum_interval() -> None:
    now = 10.0
    waits: list[float] = []

    def wait(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    stopwatch = Stopwatch(lambda: now, wait)
    assert stopwatch.lap() == MIN_SECONDS
    now += 60
    assert stopwatch.lap() == 60
    assert waits == [MIN_SECONDS]


def test_gpu_signal_exists_only_on_instances_with_gpus() -> None:
    assert [build_sensor.name for build_sensor in build_sensors(0, 60)] == [
        "jupyter",
        "sessions",
        "hold",
        "cpu",
        "disk",
        "network",
    ]
    assert {build_sensor.name for build_sensor in build_sensors(2, 6000)} > {"gpu"}


def test_sensors_that_hang_together_cost_one_limit() -> None:
    release = threading.Event()
    sensors = [GuardedSensor(HangingSensor(f"{number}", release), 0.2) for number in range(10)]
    began = time.monotonic()
    readings = read_all(sensors, Thresholds())
    release.set()
    assert {reading.state for reading in readings.values()} == {SignalState.UNKNOWN}
    assert time.monotonic() - began < 1.5


def test_every_real_sensor_reads_this_computer() -> None:
    readings = read_all([GuardedSensor(build_sensor) for build_sensor in build_sensors(0, 60)], Thresholds())
    assert not [reading for reading in readings.values() if "sensor failed" in reading.reason]


def test_sensor_that_cannot_be_created_is_unknown_and_created_later() -> None:
    release = threading.Event()
    release.set()
    faults = [OSError("no such file")]

    def make() -> HangingSensor:
        if faults:
            raise faults.pop()
        return HangingSensor("disk", release)

    sensors = [GuardedSensor(LazySensor("disk", make))]
    states = [read_all(sensors, Thresholds())["disk"].state for _ in range(2)]
    assert states == [SignalState.UNKNOWN, SignalState.QUIET]


class FixedSensor:
    """A sensor that returns a fixed reason, or raises it."""

    name = "fixed"

    def __init__(self, reason: str, *, fails: bool) -> None:
        self._reason = reason
        self._fails = fails

    def read(self, thresholds: Thresholds) -> Reading:
        if self._fails:
            raise ValueError(self._reason)
        return Reading(SignalState.ACTIVE, self._reason, {"kernels": 1})


@pytest.mark.parametrize("fails", [False, True])
def test_reason_holds_no_secret_and_nothing_that_a_terminal_obeys(fails: bool) -> None:
    sensor = GuardedSensor(FixedSensor("held: \x1b]0;x\atrain --api-key hunter2\n\u202eend", fails=fails))
    reading = read_all([sensor], Thresholds())["fixed"]
    assert reading.reason.endswith("held: train --api-key *** end")
    assert reading.live_counts == ({} if fails else {"kernels": 1})


def test_log_of_the_probe_holds_no_secret_and_nothing_that_a_terminal_obeys() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "not notified: %s", ("403 \x1b[2Jtoken=hunter2",), None)
    assert CleanFormatter("%(message)s").format(record) == "not notified: 403 token=***"
