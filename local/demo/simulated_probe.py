"""Heartbeats of simulated machines, on which no script runs: the real probe with simulated sensors."""

import logging
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from chalicelib.store.heartbeats import HeartbeatModel
from local.aws.core.local_cloud import LocalCloud
from local.aws.iam.attribution import InstanceRole, act_as
from local.machines.host.simulated import SimulatedMachines
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.heartbeat import HeartbeatClient
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.parts import HeartbeatIdentity
from ssm_documents.probe.probe import Probe
from ssm_documents.probe.sensors import GuardedSensor, Reading, Sensor
from ssm_documents.probe.service import build_local_services
from ssm_documents.probe.user_messenger import UserMessenger

logger = logging.getLogger(__name__)


class QuietSensor:
    """Sensor of a signal that is always quiet on a simulated machine."""

    def __init__(self, name: str) -> None:
        """Create the sensor of one signal."""
        self.name = name

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002
        """Return a quiet reading."""
        return Reading(SignalState.QUIET, "simulated")


class SimulatedGpuSensor:
    """Sensor of simulated GPUs.

    :param get_utilization: returns the utilization in percent, one number per GPU
    """

    name = "gpu"

    def __init__(self, get_utilization: Callable[[], Sequence[int]]) -> None:
        """Create the sensor."""
        self._get_utilization = get_utilization

    def read(self, thresholds: Thresholds) -> Reading:
        """Return the reading of the busiest GPU."""
        percent = self._get_utilization()
        busiest = max(range(len(percent)), key=lambda index: percent[index])
        state = SignalState.ACTIVE if percent[busiest] >= thresholds.gpu_percent else SignalState.QUIET
        return Reading(state, f"GPU {busiest} of {len(percent)} at {percent[busiest]} %")


@dataclass(frozen=True)
class _BootedProbe:
    """The probe of one boot of a machine. Each boot has a new one."""

    boot_count: int
    probe: Probe


class SimulatedProbes:
    """Sender of heartbeats for each running machine whose heartbeat item gpudesk has created.

    :param interval_seconds: real seconds between two heartbeats
    """

    def __init__(self, cloud: LocalCloud, machines: SimulatedMachines, interval_seconds: float) -> None:
        """Create a stopped sender."""
        self._cloud = cloud
        self._machines = machines
        self._interval_seconds = interval_seconds
        self._probes: dict[str, _BootedProbe] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="gpudesk-simulated-")
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated probes", daemon=True)
        self._dynamodb = boto3.client("dynamodb")

    def start(self) -> None:
        """Send heartbeats in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more heartbeats."""
        self._is_stopping.set()
        self._thread.join()
        self._folder.cleanup()

    def send_heartbeats(self) -> None:
        """Send one heartbeat for each machine."""
        for item in self._dynamodb.scan(TableName=HeartbeatModel.Meta.table_name)["Items"]:
            key = item["id"]["S"]
            instance_id = key.rpartition(":")[2]
            tracked = self._cloud.lifecycle.instances.get(instance_id)
            if tracked is not None and tracked.state == "running":
                gpu_count = self._cloud.lifecycle.build_machine_spec(tracked).gpu_count
                self._get_probe(instance_id, key, gpu_count).tick()

    def _run(self) -> None:
        while not self._is_stopping.wait(self._interval_seconds):
            try:
                self.send_heartbeats()
            except Exception:
                logger.exception("A simulated heartbeat failed. The next one follows.")

    def _get_probe(self, instance_id: str, key: str, gpu_count: int) -> Probe:
        boot_count = self._machines.count_boots(instance_id)
        booted = self._probes.get(instance_id)
        if booted is None or booted.boot_count != boot_count:
            probe = self._build_probe(instance_id, key, gpu_count, boot_count)
            booted = self._probes[instance_id] = _BootedProbe(boot_count, probe)
        return booted.probe

    def _build_probe(self, instance_id: str, key: str, gpu_count: int, boot_count: int) -> Probe:
        """Return a real probe with simulated sensors and with its files in a temporary folder."""
        identity = HeartbeatIdentity(instance_id=instance_id, boot_id=f"boot-{boot_count}")

        def update_item(**parameters: Any) -> Any:
            with act_as(InstanceRole(instance_id)):
                return self._dynamodb.update_item(**parameters)

        client = HeartbeatClient(update_item, HeartbeatModel.Meta.table_name, key)
        sensors: list[Sensor] = [QuietSensor(name) for name in SIGNALS if name != "gpu"]
        if gpu_count:
            sensors.append(SimulatedGpuSensor(lambda: self._machines.get_gpu_utilization(instance_id)))
        services = replace(
            build_local_services(ProbePaths(Path(self._folder.name, instance_id))),
            notifier=Notifier(UserMessenger(folder=Path(self._folder.name), servers=list)),
            power_off=lambda: self._machines.power_off(instance_id),
            run_hook=_skip_hook,
        )
        return Probe([GuardedSensor(sensor) for sensor in sensors], self._cloud.clock, client, identity, services)


def _skip_hook(_: str) -> None:
    """Run nothing: a simulated machine has no programs, and those of this computer are not the owner's."""
