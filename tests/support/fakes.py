"""A probe with fake sensors, time, heartbeat client and recipients. Its files are real."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botocore.exceptions import ConnectionClosedError

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.parts import HeartbeatIdentity, LocalServices
from ssm_documents.probe.probe import Probe
from ssm_documents.probe.sensors import GuardedSensor, Reading, Sensor
from ssm_documents.probe.setup_watch import SetupWatch
from ssm_documents.probe.user_messenger import DeliveryCount

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Reading(SignalState.QUIET, "quiet")
ACTIVE = Reading(SignalState.ACTIVE, "busy")


class ScriptedSensor:
    """A sensor with prepared readings or errors; the last one is repeated."""

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


class HangingSensor:
    """A sensor that hangs until the event `release` is set."""

    name = "hanging"

    def __init__(self) -> None:
        self.release = threading.Event()
        self.read_count = 0

    def read(self, thresholds: Thresholds) -> Reading:
        self.read_count += 1
        self.release.wait(timeout=60)
        return QUIET


class SteppingTime:
    """Time that advances by a minute at each call.

    :param out_at: numbers of the calls at which the time is unavailable
    """

    def __init__(self, *out_at: int, begin: datetime = START) -> None:
        self._call_number = -1
        self._out_at = out_at
        self._begin = begin

    def now(self) -> datetime:
        self._call_number += 1
        if self._call_number in self._out_at:
            raise OSError("no route to 169.254.169.254")
        return self._begin + self._call_number * MINUTE


class FakeHeartbeatClient:
    """Receives heartbeats: raises an error for those in `failing_numbers`, returns `response` for the others."""

    def __init__(self, *refused: int, response: HeartbeatResponse | None = None) -> None:
        self.heartbeats: list[Heartbeat] = []
        self.response = response
        self.failing_numbers = set(refused)
        self._heartbeat_number = -1

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        self._heartbeat_number += 1
        if self._heartbeat_number in self.failing_numbers:
            raise ConnectionClosedError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")
        self.heartbeats.append(heartbeat)
        return self.response


@dataclass
class Recipients:
    """The people on the instance, and the messages they got."""

    terminals: int = 1
    jupyter_servers: int = 0
    messages: list[str] = field(default_factory=list)

    def notify(self, text: str) -> DeliveryCount:
        self.messages.append(text)
        return DeliveryCount(self.terminals, self.jupyter_servers)


@dataclass
class ProbeMachine:
    """A probe and its fakes."""

    paths: ProbePaths
    client: FakeHeartbeatClient
    recipients: Recipients
    powered_off: list[datetime]
    hooks: list[str]
    probe: Probe

    def run_ticks(self, number: int) -> list[bool]:
        return [self.probe.tick() for _ in range(number)]


def build_machine(
    folder: Path,
    *sensors: Sensor,
    time: SteppingTime | None = None,
    client: FakeHeartbeatClient | None = None,
    recipients: Recipients | None = None,
    boot_id: str = "boot-1",
) -> ProbeMachine:
    """Return a probe with its files in `folder`. Without `sensors`, all seven signals are quiet."""
    paths, client, recipients = ProbePaths(folder), client or FakeHeartbeatClient(), recipients or Recipients()
    paths.create_folders()
    clock = time or SteppingTime()
    powered_off: list[datetime] = []
    hooks: list[str] = []
    services = LocalServices(
        paths=paths,
        last_response=LastResponse(paths.response),
        history=History(paths.history),
        setup=SetupWatch(paths.lock, paths.attempts, paths.progress, since_boot=lambda: 195.0),
        keep_requests=KeepRequests(paths.keep_requests, paths.keep_results),
        notifier=Notifier(recipients),
        power_off=lambda: powered_off.append(client.heartbeats[-1].at if client.heartbeats else START),
        run_hook=hooks.append,
    )
    guarded_sensors = [
        GuardedSensor(each, 0.05) for each in sensors or [ScriptedSensor(name, QUIET) for name in SIGNALS]
    ]
    identity = HeartbeatIdentity(instance_id="i-1", boot_id=boot_id)
    return ProbeMachine(
        paths, client, recipients, powered_off, hooks, Probe(guarded_sensors, clock, client, identity, services)
    )
