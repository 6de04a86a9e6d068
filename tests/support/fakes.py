"""A probe with sensors, clock, gpudesk and people that a test controls. Its files are real."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.probe import Identity, LocalServices, Probe
from ssm_documents.probe.sensors import GuardedSensor, Reading, Sensor
from ssm_documents.probe.setup_watch import SetupWatch
from ssm_documents.probe.user_messenger import DeliveryCount

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Reading(SignalState.QUIET, "quiet")
ACTIVE = Reading(SignalState.ACTIVE, "busy")


class Scripted:
    """A sensor with given readings or errors. The last one is repeated."""

    def __init__(self, name: str, *readings: Reading | Exception) -> None:
        self.name = name
        self.readings = list(readings)
        self.thresholds: list[Thresholds] = []

    def read(self, thresholds: Thresholds) -> Reading:
        self.thresholds.append(thresholds)
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, Exception):
            raise reading
        return reading


class Hanging:
    """A sensor that does not return until a test releases it."""

    name = "hanging"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.looks = 0

    def read(self, thresholds: Thresholds) -> Reading:
        self.looks += 1
        self.let_go.wait(timeout=60)
        return QUIET


class Minutes:
    """A clock that advances by one minute each time it is read, or fails."""

    def __init__(self, *out_at: int, begin: datetime = START) -> None:
        self._asked = -1
        self._out_at = out_at
        self._begin = begin

    def now(self) -> datetime:
        self._asked += 1
        if self._asked in self._out_at:
            raise OSError("no route to 169.254.169.254")
        return self._begin + self._asked * MINUTE


class Desk:
    """Receives heartbeats. It rejects those with the given numbers and answers the others with its response."""

    def __init__(self, *refused: int, orders: HeartbeatResponse | None = None) -> None:
        self.heard: list[Heartbeat] = []
        self.orders = orders
        self.refused = set(refused)
        self._beats = -1

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        self._beats += 1
        if self._beats in self.refused:
            raise ConnectionError("offline")
        self.heard.append(heartbeat)
        return self.orders


@dataclass
class Crowd:
    """People on the instance, and the messages that they received."""

    terminals: int = 1
    notebooks: int = 0
    told: list[str] = field(default_factory=list)

    def notify(self, text: str) -> DeliveryCount:
        self.told.append(text)
        return DeliveryCount(self.terminals, self.notebooks)


@dataclass
class Machine:
    """The probe of one instance and what a test checks."""

    places: ProbePaths
    desk: Desk
    crowd: Crowd
    powered_off: list[datetime]
    probe: Probe

    def beats(self, number: int) -> list[bool]:
        return [self.probe.tick() for _ in range(number)]


def machine(
    folder: Path,
    *sensors: Sensor,
    time: Minutes | None = None,
    desk: Desk | None = None,
    crowd: Crowd | None = None,
    boot_id: str = "boot-1",
) -> Machine:
    """Return a probe whose files are in `folder`. Without sensors, all seven signals are quiet."""
    places, desk, crowd = ProbePaths(folder), desk or Desk(), crowd or Crowd()
    places.create_folders()
    clock = time or Minutes()
    powered_off: list[datetime] = []
    here = LocalServices(
        paths=places,
        last_response=LastResponse(places.response),
        history=History(places.history),
        setup=SetupWatch(places.lock, places.attempts, places.progress, since_boot=lambda: 195.0),
        keep_requests=KeepRequests(places.keep_requests, places.keep_results),
        notifier=Notifier(crowd),
        power_off=lambda: powered_off.append(desk.heard[-1].at if desk.heard else START),
    )
    watched = [GuardedSensor(each, 0.05) for each in sensors or [Scripted(name, QUIET) for name in SIGNALS]]
    identity = Identity(instance_id="i-1", boot_id=boot_id)
    return Machine(places, desk, crowd, powered_off, Probe(watched, clock, desk, identity, here))
