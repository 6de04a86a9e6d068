"""Clock, counters and processes for the tests of sensors."""

from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading, Sensor
from ssm_documents.probe.signals.meter import Stopwatch
from ssm_documents.probe.signals.processes import Process

KIB = 1024
THRESHOLDS = Thresholds(cpu_core_percent=25, disk_kib_per_second=1000, network_kib_per_second=100)


class MinuteClock:
    """A clock that advances by one minute each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


def build_stopwatch() -> Stopwatch:
    return Stopwatch(MinuteClock(), wait=lambda _: None)


def read_sensor(sensor: Sensor) -> Reading:
    return sensor.read(THRESHOLDS)


def build_process(name: str, pid: int = 4242, terminal: int = 0, parent: int = 0) -> Process:
    return Process(pid, name, pid, terminal, 1, 0.0, 0.0, parent)


class ByteCounters:
    """Counters of bytes by device or interface. They begin at 10^9."""

    def __init__(self, *names: str) -> None:
        self.bytes_by_name = dict.fromkeys(names, 10.0**9)

    def count_minute(self, **rates: float) -> None:
        """Add the bytes of one minute at these rates, in KiB/s."""
        for name, rate in rates.items():
            self.bytes_by_name[name] = self.bytes_by_name.get(name, 0.0) + rate * KIB * 60
