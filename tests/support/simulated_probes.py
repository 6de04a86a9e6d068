"""Heartbeats of all instances of a local cloud, without a probe process."""

from datetime import datetime
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.domain.idle.evidence import Evidence, Sample, SignalState, fold_sample
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat, KeepRequest, SelfStopStatus, StepProgress
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE, encode_heartbeat
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.store.heartbeats import HeartbeatModel
from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.support.heartbeat_fields import replace_fields


class SimulatedProbes:
    """Sends the heartbeats of all running instances.

    A test sets the attributes to change the next heartbeats: `boot_id`, `live_counts`, `acknowledgement`,
    `keep_request`, `self_stop`, `setup_progress`.

    :ivar activity: state of each signal; None: the signal is missing
    """

    def __init__(self, cloud: LocalCloud, clock: ManualClock, instance_role_id: str) -> None:
        self.cloud = cloud
        self.clock = clock
        self._instance_role_id = instance_role_id
        self.activity: dict[str, SignalState | None] = dict.fromkeys(SIGNALS, SignalState.QUIET)
        self.boot_id = "boot-1"
        self.live_counts: dict[str, int] = {}
        self.acknowledgement = Acknowledgement()
        self.keep_request: KeepRequest | None = None
        self.self_stop: SelfStopStatus | None = None
        self.setup_progress: StepProgress | None = None
        self._evidence: dict[str, dict[str, Evidence]] = {}

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def send_heartbeats(self) -> None:
        """Send a heartbeat from every running instance that has a heartbeat item."""
        for instance_id, tracked in self.cloud.lifecycle.instances.items():
            if tracked.state == "running":
                self.send_heartbeat(instance_id)

    def send_heartbeat(self, instance_id: str, /, **replaced: Any) -> None:
        """Send one heartbeat of one instance, with evidence folded as the probe folds it.

        :param replaced: fields of the heartbeat with other values, also invalid ones
        """
        evidence = self._evidence.setdefault(instance_id, {})
        for name, state in self.activity.items():
            if state is None:
                evidence.pop(name, None)
            else:
                sample = Sample(self.now, state, f"{name} is {state.value}", self.boot_id)
                evidence[name] = fold_sample(evidence.get(name), sample)
        heartbeat = Heartbeat(
            instance_id=instance_id,
            at=self.now,
            boot_id=self.boot_id,
            signals=dict(evidence),
            live_counts=self.live_counts,
            acknowledged=self.acknowledgement,
            keep_request=self.keep_request,
            self_stop=self.self_stop,
            setup=self.setup_progress,
        )
        encoded = encode_heartbeat(heartbeat, self.build_heartbeat_key(instance_id))
        self.write_heartbeat(instance_id, replace_fields(encoded, **replaced) if replaced else encoded)

    def reboot_instances(self) -> None:
        """Reboot every instance, so that its probe starts again."""
        self.boot_id = f"{self.boot_id}'"
        self._evidence.clear()

    def build_heartbeat_key(self, instance_id: str) -> str:
        """Return the key of the instance's heartbeat item."""
        return f"{self._instance_role_id}:{instance_id}"

    def write_heartbeat(self, instance_id: str, text: str) -> None:
        """Replace the heartbeat in the item of an instance. Without an item, do nothing.

        The role of the instance allows the same. The item changes in moto's table directly: through the SDK, the
        heartbeats would take a sixth of the time of the scenario tests.
        """
        backend = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
        name, key = HeartbeatModel.Meta.table_name, {"S": self.build_heartbeat_key(instance_id)}
        item = backend.get_item(name, {"id": key})
        if item is not None:
            rest = {name: value.to_regular_json() for name, value in item.attrs.items()}
            backend.put_item(name, {**rest, HEARTBEAT_ATTRIBUTE: {"S": text}})
