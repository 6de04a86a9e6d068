"""Every sensor of a machine, with its real sources."""

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
    """A sensor that takes its first measurement when it is made: so it is made at its first look, where what raises or
    hangs is unknown and harms no other, and again at the next as long as it cannot be."""

    def __init__(self, name: str, make: Callable[[], Sensor]) -> None:
        self.name = name
        self._make = make
        self._sensor: Sensor | None = None

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once. Raises whatever making or reading raises."""
        if self._sensor is None:
            self._sensor = self._make()
        return self._sensor.read(thresholds)


def build_sensors(
    gpu_count: int, interval_seconds: float, *, now: Callable[[], datetime] | None = None
) -> list[Sensor]:
    """One sensor for each signal. Nothing is measured before the first look.

    :param gpu_count: how many NVIDIA GPUs there must be; without any there is no GPU signal
    :param interval_seconds: between two looks; the GPUs are sampled several times within
    :param now: AWS's time, asked only where a hold has an end; the metadata service's where none is given
    """

    def gpu() -> Sensor:
        sensor = GpuSensor(gpu_count, interval_seconds)
        sensor.start()
        return sensor

    makers: dict[str, Callable[[], Sensor]] = {
        "jupyter": JupyterSensor,
        "sessions": SessionsSensor,
        "hold": lambda: HoldSensor(HOLDS_DIR, now or Imds().now),
        "cpu": CpuSensor,
        "disk": DiskSensor,
        "network": NetworkSensor,
    }
    if gpu_count:
        makers["gpu"] = gpu
    return [LazySensor(name, make) for name, make in makers.items()]
