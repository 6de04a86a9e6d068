"""What a sensor is, and how one that fails or hangs is kept from harming the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.time_limited_call import TimeLimitedCall

SENSOR_LIMIT_SECONDS = 10.0
"""A healthy sensor answers within one; the beat must not be late for a sick one."""


@dataclass(frozen=True)
class Reading:
    """What a sensor sees now.

    :param reason: what was seen, for people; the telling part first, for a heartbeat may have room for 40 characters
    :param live_counts: what a stop would end, by kind ("kernels", "terminals", "tmux", "screen"); none is left out
    """

    state: SignalState
    reason: str
    live_counts: Mapping[str, int] = field(default_factory=dict)


class Sensor(Protocol):
    """One signal."""

    @property
    def name(self) -> str:
        """The signal's name in the heartbeat."""
        ...

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once. May raise anything: that is an unknown.

        :param thresholds: from where on a figure is work
        """
        ...


class GuardedSensor:
    """A sensor in a thread of its own for each look: what raises or hangs is unknown."""

    def __init__(self, sensor: Sensor, limit_seconds: float = SENSOR_LIMIT_SECONDS) -> None:
        self.name = sensor.name
        self._sensor = sensor
        self._limit = limit_seconds
        self._look: TimeLimitedCall[Reading] = TimeLimitedCall(limit_seconds)

    def start(self, thresholds: Thresholds) -> None:
        """Start to look, unless the last look still hangs: then there is nothing new to be had."""
        self._look.start(lambda: self._read(thresholds))

    def wait(self) -> Reading:
        """What came of it, within the limit since it began: sensors that hang together cost the beat one limit."""
        hangs = Reading(SignalState.UNKNOWN, f"the sensor has not answered within {self._limit:g} s")
        return self._look.wait() or hangs

    def _read(self, thresholds: Thresholds) -> Reading:
        try:
            return self._sensor.read(thresholds)
        except Exception as error:  # noqa: BLE001  whatever goes wrong in one sensor is unknown, and only there
            return Reading(SignalState.UNKNOWN, f"the sensor failed: {type(error).__name__}: {error}")


def read_all(sensors: Sequence[GuardedSensor], thresholds: Thresholds) -> dict[str, Reading]:
    """Every sensor's reading by its name, taken at the same time."""
    for sensor in sensors:
        sensor.start(thresholds)
    return {sensor.name: sensor.wait() for sensor in sensors}
