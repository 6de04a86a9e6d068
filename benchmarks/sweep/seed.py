"""Fill a local cloud with many ready instances, in the tables of moto directly.

One instance is launched through gpudesk until it is ready, and the others are copies of its record, its heartbeat and
its EC2 instance. To launch all of them would take hours.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import InstanceBackend

from chalicelib.aws.tags import build_instance_tags
from chalicelib.control.application import Application
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.instances.items import to_instance_model
from chalicelib.store.instances.table import InstanceModel
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.patches import Patches
from local.clock import ManualClock
from local.demo.simulated_probe import SimulatedProbes
from local.machines.host.simulated import SimulatedMachines

REGION = "us-east-1"
MINUTE = timedelta(minutes=1)
MAX_MINUTES = 30
SETTLED_MINUTES = 5
"""Minutes after the setup: the sweep has recorded the first heartbeats, and has nothing more to write."""

OWNERS = 50
PAGE_BYTES = 2**20


class Seeder:
    """Launches one instance and copies it."""

    def __init__(
        self, cloud: LocalCloud, machines: SimulatedMachines, clock: ManualClock, application: Application
    ) -> None:
        """Use a served cloud and a gpudesk of this process."""
        self._cloud = cloud
        self._clock = clock
        self._application = application
        self._probes = SimulatedProbes(cloud, machines, 1)
        self._tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]

    def seed(self, count: int) -> int:
        """Make `count` ready instances exist; with 0, one that is launched and then removed.

        :returns: how many pages of the index have these records: DynamoDB returns at most 1 MiB at once
        """
        original = self._launch()
        assert original.ec2_instance is not None
        heartbeat = self._read_heartbeat(original)
        launched = self._cloud.lifecycle.instances[original.ec2_instance.instance_id].instance
        for number, created in enumerate(self._create_ec2_instances(launched, max(count - 1, 0))):
            self._copy(original, heartbeat, number, created)
        if count == 0:
            self._remove(original, launched)
        self._report_quiet_cpus(self._cloud.lifecycle.instances)
        table = self._tables.get_table(InstanceModel.Meta.table_name)
        return max(1, math.ceil(sum(item.size() for item in table.all_items()) / PAGE_BYTES))

    def _report_quiet_cpus(self, ids: Iterable[str]) -> None:
        """Report a CPU utilization of one percent for each instance, as EC2 does. Only Cloud Custodian reads it."""
        reported_at = datetime.now(UTC).replace(tzinfo=None) - 10 * MINUTE
        cloudwatch_backends[DEFAULT_ACCOUNT_ID][REGION].put_metric_data(
            "AWS/EC2",
            [
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": ec2_id}],
                    "Value": 1.0,
                    "Unit": "Percent",
                    "Timestamp": reported_at,
                }
                for ec2_id in ids
            ],
        )

    def _launch(self) -> Instance:
        """Launch an instance, and let minutes pass until it is ready and nothing more is written about it."""
        actor = Actor(owner="ada", role=Role.USER)
        launched = self._application.launches.launch(actor, LaunchRequest(gpu="T4"), key=None, body_digest="1").instance
        ready_for = 0
        for _ in range(MAX_MINUTES):
            self._clock.advance(MINUTE)
            self._cloud.tick()
            self._cloud.settle()
            self._probes.send_heartbeats()
            self._application.sweep.run()
            instance = self._application.reconciler.stores.instances.load(launched.id)
            assert instance is not None
            ready_for += instance.phase is Phase.READY
            if ready_for > SETTLED_MINUTES:
                return instance
        raise RuntimeError(f"The instance is not ready after {MAX_MINUTES} minutes.")

    def _read_heartbeat(self, instance: Instance) -> dict[str, Any]:
        key = self._application.reconciler.observer.get_heartbeat_key(instance)
        item = self._tables.get_item(HeartbeatModel.Meta.table_name, {"id": {"S": key}})
        assert item is not None
        return {name: value.to_regular_json() for name, value in item.attrs.items()}

    def _create_ec2_instances(self, launched: Any, count: int) -> list[Any]:
        """Create running EC2 instances with moto's own code: the extension looks at all instances at each launch.

        They are in all subnets, because one does not have enough addresses.
        """
        backend = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._cloud.uninstall()
        patches = Patches()
        patches.wrap(InstanceBackend, "get_instance", _look_up_newest)
        subnets = [subnet.id for subnet in backend.describe_subnets()]
        instances = []
        for number in range(count):
            tags = build_instance_tags(
                record_id=_build_id(number), name=f"copy-{number}", owner=_choose_owner(number), stage="dev", more={}
            )
            reservation = backend.run_instances(
                launched.image_id,
                1,
                None,
                [],
                instance_type=launched.instance_type,
                is_instance_type_default=True,
                subnet_id=subnets[number % len(subnets)],
                tags={"instance": tags},
            )
            created = reservation.instances[0]
            created.launch_time = launched.launch_time
            instances.append(created)
        patches.undo()
        self._cloud.install()
        for instance in instances:
            self._cloud.lifecycle.track(instance)
        return instances

    def _copy(self, original: Instance, heartbeat: dict[str, Any], number: int, created: Any) -> None:
        assert original.ec2_instance is not None
        copy = replace(
            original,
            id=_build_id(number),
            name=f"copy-{number}",
            owner=_choose_owner(number),
            ec2_instance=replace(original.ec2_instance, instance_id=created.id, zone=created.availability_zone),
            version=None,
        )
        item = {**to_instance_model(copy, None, is_user_write=False).serialize(), "version": {"N": "1"}}
        self._tables.put_item(InstanceModel.Meta.table_name, item)
        text = json.dumps(heartbeat).replace(original.ec2_instance.instance_id, created.id)
        self._tables.put_item(HeartbeatModel.Meta.table_name, json.loads(text))

    def _remove(self, original: Instance, launched: Any) -> None:
        self._tables.delete_item(InstanceModel.Meta.table_name, {"id": {"S": original.id}}, {}, {}, None)
        launched.ec2_backend.reservations.clear()
        self._cloud.lifecycle.instances.clear()


def _look_up_newest(original: Callable[..., Any]) -> Callable[..., Any]:
    """Find an instance that was just created at once. moto copies all instances, for each disk of each launch."""

    def get_instance(backend: Any, instance_id: str) -> Any:
        newest = next(reversed(backend.reservations.values())).instances[-1]
        return newest if newest.id == instance_id else original(backend, instance_id)

    return get_instance


def _build_id(number: int) -> str:
    return f"gd-{number:016x}"


def _choose_owner(number: int) -> str:
    return f"owner-{number % OWNERS}"
