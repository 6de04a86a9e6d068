"""Every sensor of a machine, with its real sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ssm_documents.probe.imds import Imds
from ssm_documents.probe.sensors import Sensor
from ssm_documents.probe.signals.cpu import CpuSensor
from ssm_documents.probe.signals.disk import DiskSensor
from ssm_documents.probe.signals.gpu import GpuSensor
from ssm_documents.probe.signals.hold import HOLDS, HoldSensor
from ssm_documents.probe.signals.jupyter import JupyterSensor
from ssm_documents.probe.signals.network import NetworkSensor
from ssm_documents.probe.signals.sessions import SessionsSensor


def all_sensors(gpu_count: int, interval_seconds: float, *, now: Callable[[], datetime] | None = None) -> list[Sensor]:
    """One sensor for each signal; rates are measured from this moment on.

    :param gpu_count: how many NVIDIA GPUs there must be; without any there is no GPU signal
    :param interval_seconds: between two looks; the GPUs are sampled several times within
    :param now: AWS's time, asked only where a hold has an end; the metadata service's where none is given
    """
    sensors: list[Sensor] = [
        JupyterSensor(),
        SessionsSensor(),
        HoldSensor(HOLDS, now or Imds().now),
        CpuSensor(),
        DiskSensor(),
        NetworkSensor(),
    ]
    if gpu_count:
        gpu = GpuSensor(gpu_count, interval_seconds)
        gpu.start()
        sensors.insert(0, gpu)
    return sensors
