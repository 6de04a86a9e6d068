"""Sensors, and a guard for each: a sensor that fails or hangs does not delay the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.time_limited_call import TimeLimitedCall

SENSOR_LIMIT_SECONDS = 10.0
"""A healthy sensor answers within one second. A hanging one must not delay the heartbeat by more than this."""


@dataclass(frozen=True)
class Reading:
    """One measurement of a sensor.

    :param reason: what was measured, for people; the important part first: a heartbeat may shorten it to 40 characters
    :param live_counts: what a stop would end, by kind ("kernels", "terminals", "tmux", "screen"); zero is left out
    """

    state: SignalState
    reason: str
    live_counts: Mapping[str, int] = field(default_factory=dict)


class Sensor(Protocol):
    """The source of one signal."""

    @property
    def name(self) -> str:
        """The name of the signal in the heartbeat."""
        ...

    def read(self, thresholds: Thresholds) -> Reading:
        """Measure once. May raise anything: then the signal is unknown.

        :param thresholds: a value at or above its threshold is activity
        """
        ...


class GuardedSensor:
    """A sensor that is read in its own thread. If it raises or hangs, its signal is unknown.

    The reason of its reading is cleaned: it may have the name of a program or a file, or the answer of a server.
    """

    def __init__(self, sensor: Sensor, limit_seconds: float = SENSOR_LIMIT_SECONDS) -> None:
        self.name = sensor.name
        self._sensor = sensor
        self._limit_seconds = limit_seconds
        self._call: TimeLimitedCall[Reading] = TimeLimitedCall(limit_seconds)

    def start(self, thresholds: Thresholds) -> None:
        """Start a measurement, unless the last one still hangs."""
        self._call.start(lambda: self._read(thresholds))

    def wait(self) -> Reading:
        """Return the measurement. The limit counts from its start, so hanging sensors cost one limit together."""
        timeout = Reading(SignalState.UNKNOWN, f"the sensor has not responded for {self._limit_seconds:g} s")
        return self._call.wait() or timeout

    def _read(self, thresholds: Thresholds) -> Reading:
        try:
            reading = self._sensor.read(thresholds)
        except Exception as error:  # noqa: BLE001 - any error makes this signal unknown, and only this one
            reading = Reading(SignalState.UNKNOWN, f"the sensor failed: {type(error).__name__}: {error}")
        return replace(reading, reason=clean_line(reading.reason))


def read_all(sensors: Sequence[GuardedSensor], thresholds: Thresholds) -> dict[str, Reading]:
    """Read all sensors at the same time and return their readings by name."""
    for sensor in sensors:
        sensor.start(thresholds)
    return {sensor.name: sensor.wait() for sensor in sensors}
