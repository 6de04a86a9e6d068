"""gpudesk on the local cloud in one process, on a clock that a test moves."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import boto3
from boto3.dynamodb.types import TypeSerializer

from chalicelib import bootstrap
from chalicelib.control.loop.execute import Executor
from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.control.services.queries import InstanceSnapshot
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.evidence import Evidence, Sample, SignalState, fold_sample
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat, KeepRequest, SelfStopStatus, StepProgress
from chalicelib.domain.idle.heartbeat_encoding import encode_heartbeat
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.domain.instances.plan import Outcome, Step
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.tables import reset_endpoint
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.patches import Patches
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.demo.simulated_benchmark import simulate_benchmark
from local.machines.host.port import Machines
from local.machines.host.simulated import SimulatedMachines
from local.provisioning import provision
from ssm_documents.probe import heartbeat as probe
from tests.support.snapshots import Memory, Snapshots, forget_backends

ADA = Actor(owner="ada", role=Role.USER)
ADMIN = Actor(owner="root", role=Role.ADMIN)
MINUTE = timedelta(minutes=1)
POLICY = {field.name for field in fields(PolicyOverride)}

Walked = TypeVar("Walked")


class World:
    """What a test controls: people, the instances' probes, the minute's sweep."""

    def __init__(
        self, cloud: LocalCloud, clock: ManualClock, desk: bootstrap.Application, origin: object = None
    ) -> None:
        """:param origin: what tells how the world was made from how others were"""
        self.cloud = cloud
        self.clock = clock
        self.desk = desk
        self._origin = origin
        self._plain_desk = desk
        self._companions: tuple[object, ...] = ()
        self.activity: dict[str, SignalState | None] = dict.fromkeys(SIGNALS, SignalState.QUIET)
        self.boot_id = "boot-1"
        self.live_counts: dict[str, int] = {}
        self.heard = Acknowledgement()
        self.wish: KeepRequest | None = None
        self.leaving: SelfStopStatus | None = None
        self.progress: StepProgress | None = None
        self.ec2 = boto3.client("ec2", "us-east-1")
        self._dynamodb = boto3.client("dynamodb", "us-east-1")
        self._evidence: dict[str, dict[str, Evidence]] = {}

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def launch(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> Instance:
        """Request an instance. No reconcile has run yet."""
        return self.order(actor, key=key, **request).instance

    def order(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> InstanceWithWarnings:
        """Request an instance, and return the whole response."""
        request = {"gpu": "T4", **request} if "instance_type" not in request else request
        policy = {name: request.pop(name) for name in tuple(request) if name in POLICY}
        digest = repr(sorted([*request.items(), *policy.items()]))
        wish = LaunchRequest(**request, policy=PolicyOverride(**policy))
        return self.desk.launches.launch(actor, wish, key=key, body_digest=digest)

    def ready(self, **request: Any) -> Instance:
        """Return an instance that is ready."""
        return self.shared(("ready", request), lambda: self.until(self.launch(**request), Phase.READY))

    def warned(self, **request: Any) -> Instance:
        """Return an instance with a new stop warning for idleness. Its idle window is short to save test time."""
        policy = {"idle_minutes": 6, "warning_minutes": 6}
        asked = {**policy, **request}
        return self.shared(
            ("warned", asked), lambda: self.until_true(self.ready(**asked), lambda now: now.warning is not None)
        )

    def stopped(self, **request: Any) -> Instance:
        """Return an instance that was ready and that its owner stopped."""
        return self.shared(("stopped", request), lambda: self._stop(self.ready(**request)))

    def shared(self, way: tuple[object, ...], walk: Callable[[], Walked]) -> Walked:
        """Walk, or restore the result of the same walk from the same state; with a wiring of the test always walk.

        :param way: identifies the walk
        :returns: result of `walk`, which callers must not change
        """
        if self.desk is not self._plain_desk:
            return walk()
        own = [type(companion) for companion in self._companions]
        timing = self.cloud.timing
        machines = self.cloud.machines
        if not isinstance(machines, SimulatedMachines):
            return walk()
        snapshots = Snapshots(
            (self, *parts(self.cloud), machines, machines._running, *self._companions),
            apart=(timing,),
            kept=(*KEPT, "desk", "_plain_desk", "_companions", "ec2", "_dynamodb", "_origin"),
        )
        way = (*way, own, type(machines), self._origin)
        return MEMORY.go(snapshots, way, walk)  # type: ignore[no-any-return]

    def _stop(self, instance: Instance) -> Instance:
        self.desk.instances.stop(ADA, instance.id)
        return self.until(instance, Phase.STOPPED)

    def rewire(self, desk: bootstrap.Application, companion: object) -> None:
        """Replace gpudesk's wiring by one with an object of the test."""
        if self.desk is self._plain_desk:
            self._plain_desk = desk
        self.desk = desk
        self._companions += (companion,)

    def minute(self, minutes: int = 1, *, sweep_every: int = 1) -> None:
        """Let minutes pass. In each one the probes send heartbeats and gpudesk sweeps.

        :param sweep_every: minutes between sweeps, for hours in which no single sweep matters
        """
        for passed in range(1, minutes + 1):
            self.clock.advance(MINUTE)
            self.cloud.tick()
            self.cloud.settle()
            self.beat()
            if passed % sweep_every == 0:
                self.desk.sweep.run()

    def until(self, instance: Instance, phase: Phase, minutes: int = 60, *, sweep_every: int = 1) -> Instance:
        """Let minutes pass until the instance is in `phase`."""
        return self.until_true(instance, lambda now: now.phase is phase, minutes, sweep_every=sweep_every)

    def until_true(
        self, instance: Instance, is_so: Callable[[Instance], bool], minutes: int = 60, *, sweep_every: int = 1
    ) -> Instance:
        """Let minutes pass until `is_so` is true for the instance."""
        for _ in range(0, minutes, sweep_every):
            current = self.look(instance)
            if is_so(current):
                return current
            self.minute(sweep_every, sweep_every=sweep_every)
        history = "\n".join(f"{line.at:%H:%M} {line.code}: {line.message}" for line in self.timeline(instance))
        raise AssertionError(f"{instance.name} is {self.look(instance).phase} after {minutes} minutes\n{history}")

    def beat(self) -> None:
        """Send a heartbeat from every running instance that has a heartbeat item."""
        for instance_id, tracked in self.cloud.lifecycle.instances.items():
            if tracked.state == "running":
                with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                    self.report(instance_id)

    def report(self, machine: str, **replaced: Any) -> None:
        """Send one heartbeat of one instance, with evidence folded as the probe folds it."""
        evidence = self._evidence.setdefault(machine, {})
        for name, state in self.activity.items():
            if state is None:
                evidence.pop(name, None)
            else:
                sample = Sample(self.now, state, f"{name} is {state.value}", self.boot_id)
                evidence[name] = fold_sample(evidence.get(name), sample)
        heartbeat = Heartbeat(
            instance_id=machine,
            at=self.now,
            boot_id=self.boot_id,
            signals=dict(evidence),
            live_counts=self.live_counts,
            acknowledged=self.heard,
            keep_request=self.wish,
            self_stop=self.leaving,
            setup=self.progress,
        )
        key = self.heartbeat_key(machine)
        if replaced:
            self.write_heartbeat(machine, {**encode_heartbeat(heartbeat, key), **replaced})
        else:
            probe.HeartbeatClient(self._dynamodb.update_item, HeartbeatModel.Meta.table_name, key).send(heartbeat)

    def reboot(self) -> None:
        """Reboot every instance, so that its probe starts again."""
        self.boot_id = f"{self.boot_id}'"
        self._evidence.clear()

    def power_off(self, instance_id: str) -> None:
        """Let an instance switch itself off."""
        self.cloud.record_power_off(instance_id)

    def hold(self) -> None:
        """Pause gpudesk, as an admin does."""
        self.desk.desk.update(ADMIN, mode=Mode.PAUSED)

    def admin_bounds(self, **limits: int) -> None:
        """Set limits, as an admin does."""
        self.desk.desk.update(ADMIN, limits=limits)

    def email(self, owner: str, address: str) -> None:
        """Set an e-mail address for an owner's notifications."""
        owners = self.desk.reconciler.stores.owners
        owners.save(replace(owners.get(owner), channels=Channels(email=address)))

    def confirm(self, address: str) -> None:
        """Confirm an e-mail subscription with the token of the last mail."""
        token = self.cloud.mailbox.find_token(address)
        boto3.client("sns", "us-east-1").confirm_subscription(TopicArn=self.desk.settings.email_topic_arn, Token=token)

    def heartbeat_key(self, instance_id: str) -> str:
        """Return the key of the instance's heartbeat item."""
        return f"{self.desk.settings.instance_role_id}:{instance_id}"

    def write_heartbeat(self, instance_id: str, plain: dict[str, Any]) -> None:
        """Write any attributes to the instance's heartbeat item, as the instance itself may."""
        name = HeartbeatModel.Meta.table_name
        key = {"id": {"S": self.heartbeat_key(instance_id)}}
        before = self._dynamodb.get_item(TableName=name, Key=key).get("Item", {})
        orders = {name: value for name, value in before.items() if name == "response"}
        written = TypeSerializer().serialize(plain)["M"]
        self._dynamodb.put_item(TableName=name, Item={**key, **written, **orders})

    def ec2_state(self, instance_id: str) -> str:
        """Return EC2's state of the instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def ec2_ids(self) -> list[str]:
        """Return the ids of all EC2 instances that are not terminated."""
        pages = self.ec2.describe_instances()["Reservations"]
        return [
            found["InstanceId"]
            for page in pages
            for found in page["Instances"]
            if found["State"]["Name"] not in ("terminated", "shutting-down")
        ]

    def cloud_image(self) -> str:
        """Return the id of a public AMI, for launches without gpudesk."""
        name = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
        return str(boto3.client("ssm", "us-east-1").get_parameter(Name=name)["Parameter"]["Value"])

    def look(self, instance: Instance) -> Instance:
        """Return the present record of the instance."""
        found = self.desk.reconciler.stores.instances.load(instance.id)
        assert found is not None
        return found

    def show(self, instance: Instance) -> InstanceSnapshot:
        return self.desk.queries.get(ADMIN, instance.id)

    def timeline(self, instance: Instance) -> list[TimelineEntry]:
        return [*self.desk.queries.list_timeline(ADMIN, instance.id, limit=100, cursor=None).items]

    def codes(self, instance: Instance) -> list[str]:
        """Return the codes of the timeline, in order."""
        return [line.code for line in self.timeline(instance)]

    def crashing(self, crash: Callable[[Step, Outcome], None]) -> None:
        """Call `crash` after each call to AWS, with its outcome, before the outcome is recorded."""
        executor = CrashingExecutor(**vars(self.desk.reconciler.executor), crash=crash)
        reconciler = replace(self.desk.reconciler, executor=executor)
        sweep = replace(self.desk.sweep, reconciler=reconciler)
        self.desk = replace(self.desk, reconciler=reconciler, sweep=sweep)


def machine_id(instance: Instance) -> str:
    """Return the id of the EC2 instance."""
    assert instance.machine is not None
    return instance.machine.instance_id


@dataclass(frozen=True)
class CrashingExecutor(Executor):
    """Executes a step, and may crash afterwards."""

    crash: Callable[[Step, Outcome], None]

    def execute(self, instance: Instance, step: Step) -> Outcome:
        outcome = super().execute(instance, step)
        self.crash(step, outcome)
        return outcome


def simulated() -> SimulatedMachines:
    """Return simulated machines with plausible benchmark results."""
    machines = SimulatedMachines()
    machines.simulators[BENCHMARK_DOCUMENT] = simulate_benchmark
    return machines


KEPT = ("_parts", "_patches")
MEMORY = Memory()
_ORIGIN: list[tuple[bytes, Settings]] = []
"""State of a provisioned account, created once per process."""


def parts(cloud: LocalCloud) -> tuple[object, ...]:
    """Return the parts of a local cloud that have state, without the machines."""
    direct = (cloud, cloud.clock, *cloud._parts, *vars(cloud).values(), cloud.lifecycle)
    own = {id(part): part for part in direct if type(part).__module__.startswith("local.aws") or part is cloud.clock}
    return tuple(part for part in own.values() if type(part) not in (Patches, AwsTiming))


def prepared(cloud: LocalCloud) -> Settings:
    """Provision an account, and return gpudesk's settings."""
    snapshots = Snapshots(parts(cloud), apart=(cloud.machines, cloud.timing), kept=KEPT)
    if not _ORIGIN:
        settings = provision()
        _ORIGIN.append((snapshots.take(), settings))
    state, settings = _ORIGIN[0]
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    snapshots.put_back(state)
    return settings


@contextmanager
def world(
    timing: AwsTiming | None = None,
    machines: Machines | None = None,
    recipes: Mapping[str, Recipe] | None = None,
) -> Iterator[World]:
    """Provide gpudesk and an empty local cloud."""
    clock = ManualClock()
    machines = machines or simulated()
    with in_process_cloud(clock, machines, timing) as cloud:
        settings = prepared(cloud)
        yield World(cloud, clock, bootstrap.build_application(clock, settings, recipes), (timing, recipes))
        forget_backends()
