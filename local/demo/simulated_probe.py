"""Where no script runs, nothing beats by itself: the real probe with pretend sensors, for every simulated machine."""

import logging
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import boto3

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from chalicelib.store.heartbeats import HeartbeatModel
from local.aws.core.gate import ROLE_KEY_PREFIX
from local.aws.core.local_cloud import LocalCloud
from local.machines.host.simulated import SimulatedMachines
from ssm_documents.probe.announcer import Notifier
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.heartbeat import HeartbeatClient
from ssm_documents.probe.people import UserMessenger
from ssm_documents.probe.probe import Identity, Probe
from ssm_documents.probe.sensors import GuardedSensor, Reading, Sensor
from ssm_documents.probe.service import local_parts

logger = logging.getLogger(__name__)


class Quiet:
    """A signal of which a simulated machine has nothing to say."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002
        """Always quiet."""
        return Reading(SignalState.QUIET, "simulated")


class PretendGpus:
    """What the machine's GPUs are said to do.

    :param utilisation: percent, one figure a GPU
    """

    name = "gpu"

    def __init__(self, utilisation: Callable[[], Sequence[int]]) -> None:
        self._utilisation = utilisation

    def read(self, thresholds: Thresholds) -> Reading:
        """Look once."""
        percent = self._utilisation()
        busiest = max(range(len(percent)), key=lambda index: percent[index])
        state = SignalState.ACTIVE if percent[busiest] >= thresholds.gpu_percent else SignalState.QUIET
        return Reading(state, f"GPU {busiest} of {len(percent)} at {percent[busiest]} %")


@dataclass(frozen=True)
class _Boot:
    """One probe's life: it starts anew with each boot."""

    boots: int
    probe: Probe


class SimulatedProbes:
    """Beats for each machine that runs and whose heartbeat item the desk has made.

    :param every: the world's seconds between two beats
    """

    def __init__(self, cloud: LocalCloud, machines: SimulatedMachines, every: float) -> None:
        self._cloud = cloud
        self._machines = machines
        self._every = every
        self._boots: dict[str, _Boot] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="gpudesk-simulated-")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="simulated probes", daemon=True)
        key_id = f"{ROLE_KEY_PREFIX}SIMULATEDPROBE00"
        self._dynamodb = boto3.client("dynamodb", aws_access_key_id=key_id, aws_secret_access_key="local")

    def start(self) -> None:
        """Beat in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopping.set()
        self._thread.join()
        self._folder.cleanup()

    def beat(self) -> None:
        """One beat of everybody."""
        for item in self._dynamodb.scan(TableName=HeartbeatModel.Meta.table_name)["Items"]:
            key = item["id"]["S"]
            instance_id = key.rpartition(":")[2]
            life = self._cloud.lifecycle.live_counts.get(instance_id)
            if life is not None and life.state == "running":
                self._probe(instance_id, key, self._cloud.lifecycle.machine_spec(life).gpu_count).tick()

    def _loop(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.beat()
            except Exception:
                logger.exception("a simulated beat failed; the next one follows")

    def _probe(self, instance_id: str, key: str, gpu_count: int) -> Probe:
        boots = self._machines.boots(instance_id)
        known = self._boots.get(instance_id)
        if known is None or known.boots != boots:
            known = self._boots[instance_id] = _Boot(boots, self._make(instance_id, key, gpu_count, boots))
        return known.probe

    def _make(self, instance_id: str, key: str, gpu_count: int, boots: int) -> Probe:
        """A probe as on a machine, but for its sensors; what it keeps is kept in a folder of the machine's own."""
        identity = Identity(instance_id=instance_id, boot_id=f"boot-{boots}", has_gpu=gpu_count > 0)
        desk = HeartbeatClient(self._dynamodb.update_item, HeartbeatModel.Meta.table_name, key)
        sensors: list[Sensor] = [Quiet(name) for name in SIGNALS if name != "gpu"]
        if gpu_count:
            sensors.append(PretendGpus(lambda: self._machines.gpu_utilisation(instance_id)))
        here = replace(
            local_parts(ProbePaths(Path(self._folder.name, instance_id))),
            notifier=Notifier(UserMessenger(folder=Path(self._folder.name), servers=list)),
            power_off=lambda: self._machines.power_off(instance_id),
        )
        return Probe([GuardedSensor(sensor) for sensor in sensors], self._cloud.clock, desk, identity, here)
