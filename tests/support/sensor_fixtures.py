"""Clock, counters and processes for the tests of sensors."""

from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading, Sensor
from ssm_documents.probe.signals.meter import Stopwatch
from ssm_documents.probe.signals.processes import Process

KIB = 1024
THRESHOLDS = Thresholds(cpu_core_percent=25, disk_kib_per_second=1000, network_kib_per_second=100)


class Minutes:
    """A clock that advances by one minute each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


def each_minute() -> Stopwatch:
    return Stopwatch(Minutes(), wait=lambda _: None)


def read(sensor: Sensor) -> Reading:
    return sensor.read(THRESHOLDS)


def build_process(name: str, pid: int = 4242, terminal: int = 0) -> Process:
    return Process(pid, name, pid, terminal, 1, 0.0, 0.0)


class Counters:
    """Bytes by device or interface since long ago."""

    def __init__(self, *names: str) -> None:
        self.moved = dict.fromkeys(names, 10.0**9)

    def move(self, **rates: float) -> None:
        """Count one minute at these rates, in KiB/s."""
        for name, rate in rates.items():
            self.moved[name] = self.moved.get(name, 0.0) + rate * KIB * 60
