"""The list of all sensors with their real sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.sensors import Reading, Sensor
from ssm_documents.probe.signals.cpu import CpuSensor
from ssm_documents.probe.signals.disk import DiskSensor
from ssm_documents.probe.signals.gpu import GpuSensor
from ssm_documents.probe.signals.hold import HOLDS_DIR, HoldSensor
from ssm_documents.probe.signals.jupyter import JupyterSensor
from ssm_documents.probe.signals.network import NetworkSensor
from ssm_documents.probe.signals.sessions import SessionsSensor


class LazySensor:
    """A sensor that is created at its first reading.

    Creating a sensor takes a first measurement, which may raise or hang. At a reading, that makes only this signal
    unknown, and the next reading tries again.
    """

    def __init__(self, name: str, create: Callable[[], Sensor]) -> None:
        self.name = name
        self._create = create
        self._sensor: Sensor | None = None

    def read(self, thresholds: Thresholds) -> Reading:
        """Measure once. May raise anything, from creating or from reading the sensor."""
        if self._sensor is None:
            self._sensor = self._create()
        return self._sensor.read(thresholds)


def build_sensors(
    gpu_count: int, interval_seconds: float, *, now: Callable[[], datetime] | None = None
) -> list[Sensor]:
    """Return one sensor per signal. Nothing is measured before the first reading.

    :param gpu_count: expected number of NVIDIA GPUs; with 0 there is no GPU sensor
    :param interval_seconds: time between two readings; GPUs are sampled several times in between
    :param now: returns the time of AWS, for holds with an end; by default that of the metadata service
    """

    def create_gpu_sensor() -> Sensor:
        sensor = GpuSensor(gpu_count, interval_seconds)
        sensor.start()
        return sensor

    factories: dict[str, Callable[[], Sensor]] = {
        "jupyter": JupyterSensor,
        "sessions": SessionsSensor,
        "hold": lambda: HoldSensor(HOLDS_DIR, now or Imds().now),
        "cpu": CpuSensor,
        "disk": DiskSensor,
        "network": NetworkSensor,
    }
    if gpu_count:
        factories["gpu"] = create_gpu_sensor
    return [LazySensor(name, create) for name, create in factories.items()]
