"""Where no script runs, nothing beats by itself: the real probe with pretend sensors, for every simulated machine."""

import logging
import threading
from dataclasses import dataclass

import boto3

from chalicelib.domain.activity.evidence import State
from chalicelib.store.models import HeartbeatModel
from local.cloud.gate import ROLE_KEY_PREFIX
from local.cloud.local_cloud import LocalCloud
from local.machines.simulated import SimulatedMachines
from ssm_documents.probe.gpu import GpuSensor
from ssm_documents.probe.heartbeat import Desk
from ssm_documents.probe.probe import Identity, Probe
from ssm_documents.probe.sensors import Reading, Watched

logger = logging.getLogger(__name__)


class NoJupyter:
    """A simulated machine has no server whose kernels could be asked."""

    name = "jupyter"

    def read(self) -> Reading:
        """Always quiet."""
        return Reading(State.QUIET, "Jupyter is simulated")


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

    def beat(self) -> None:
        """One beat of everybody."""
        for item in self._dynamodb.scan(TableName=HeartbeatModel.Meta.table_name)["Items"]:
            key = item["id"]["S"]
            instance_id = key.rpartition(":")[2]
            life = self._cloud.lifecycle.lives.get(instance_id)
            if life is not None and life.state == "running":
                self._probe(instance_id, key, self._cloud.lifecycle.machine_spec(life).gpu_count).beat()

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
        identity = Identity(instance_id=instance_id, boot_id=f"boot-{boots}")
        desk = Desk(self._dynamodb.update_item, HeartbeatModel.Meta.table_name, key)
        sensors = [Watched(NoJupyter())]
        if gpu_count:
            sensors.append(Watched(GpuSensor(gpu_count, lambda: self._nvidia_smi(instance_id))))
        return Probe(sensors, self._cloud.clock, desk, identity)

    def _nvidia_smi(self, instance_id: str) -> str:
        utilisation = self._machines.gpu_utilisation(instance_id)
        return "\n".join(f"{index}, {percent}" for index, percent in enumerate(utilisation))
