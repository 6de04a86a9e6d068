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
from chalicelib.control.application import Application
from chalicelib.control.loop.execute_step import Executor
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
from local.machines.host.interface import Machines
from local.machines.host.simulated import SimulatedMachines
from local.provisioning import provision
from ssm_documents.probe import heartbeat as probe
from tests.support.snapshots import Snapshots, StateCache, forget_backends

ADA = Actor(owner="ada", role=Role.USER)
ADMIN = Actor(owner="root", role=Role.ADMIN)
MINUTE = timedelta(minutes=1)
POLICY = {field.name for field in fields(PolicyOverride)}

Reached = TypeVar("Reached")


class World:
    """What a test controls: people, the instances' probes, the minute's sweep."""

    def __init__(self, cloud: LocalCloud, clock: ManualClock, application: Application, origin: object = None) -> None:
        """:param origin: what tells how the world was made from how others were"""
        self.cloud = cloud
        self.clock = clock
        self.application = application
        self._origin = origin
        self._plain_application = application
        self._test_objects: tuple[object, ...] = ()
        self.activity: dict[str, SignalState | None] = dict.fromkeys(SIGNALS, SignalState.QUIET)
        self.boot_id = "boot-1"
        self.live_counts: dict[str, int] = {}
        self.acknowledgement = Acknowledgement()
        self.keep_request: KeepRequest | None = None
        self.self_stop: SelfStopStatus | None = None
        self.setup_progress: StepProgress | None = None
        self.ec2 = boto3.client("ec2", "us-east-1")
        self._dynamodb = boto3.client("dynamodb", "us-east-1")
        self._evidence: dict[str, dict[str, Evidence]] = {}

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def launch(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> Instance:
        """Request an instance. No reconcile has run yet."""
        return self.request_launch(actor, key=key, **request).instance

    def request_launch(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> InstanceWithWarnings:
        """Request an instance, and return the whole response."""
        request = {"gpu": "T4", **request} if "instance_type" not in request else request
        policy = {name: request.pop(name) for name in tuple(request) if name in POLICY}
        digest = repr(sorted([*request.items(), *policy.items()]))
        wish = LaunchRequest(**request, policy=PolicyOverride(**policy))
        return self.application.launches.launch(actor, wish, key=key, body_digest=digest)

    def launch_until_ready(self, **request: Any) -> Instance:
        """Return an instance that is ready."""
        return self.reach(("ready", request), lambda: self.wait_for_phase(self.launch(**request), Phase.READY))

    def launch_until_warned(self, **request: Any) -> Instance:
        """Return an instance with a new stop warning for idleness. Its idle window is short to save test time."""
        policy = {"idle_minutes": 6, "warning_minutes": 6}
        asked = {**policy, **request}
        return self.reach(
            ("warned", asked),
            lambda: self.wait_until(self.launch_until_ready(**asked), lambda now: now.warning is not None),
        )

    def replace_application(self, application: Application, test_object: object) -> None:
        """Replace gpudesk's wiring by one with an object of the test."""
        if self.application is self._plain_application:
            self._plain_application = application
        self.application = application
        self._test_objects += (test_object,)

    def launch_until_stopped(self, **request: Any) -> Instance:
        """Return an instance that was ready and that its owner stopped."""
        return self.reach(("stopped", request), lambda: self._stop(self.launch_until_ready(**request)))

    def _stop(self, instance: Instance) -> Instance:
        self.application.instances.stop(ADA, instance.id)
        return self.wait_for_phase(instance, Phase.STOPPED)

    def reach(self, key: tuple[object, ...], build: Callable[[], Reached]) -> Reached:
        """Build a state, or restore it if it was built from the same state before, unless the test replaced a part.

        :param key: identifies what is built
        :returns: result of `build`, which callers must not change
        """
        if self.application is not self._plain_application:
            return build()
        own = [type(companion) for companion in self._test_objects]
        timing = self.cloud.timing
        machines = self.cloud.machines
        if not isinstance(machines, SimulatedMachines):
            return build()
        snapshots = Snapshots(
            (self, *list_parts(self.cloud), machines, machines._running, *self._test_objects),
            unchanged_objects=(timing,),
            unchanged_attributes=(
                *UNCHANGED_ATTRIBUTES,
                "application",
                "_plain_application",
                "_test_objects",
                "ec2",
                "_dynamodb",
                "_origin",
            ),
        )
        key = (*key, own, type(machines), self._origin)
        return STATE_CACHE.reach(snapshots, key, build)  # type: ignore[no-any-return]

    def pass_minutes(self, minutes: int = 1, *, sweep_every: int = 1) -> None:
        """Let minutes pass. In each one the probes send heartbeats and gpudesk sweeps.

        :param sweep_every: minutes between sweeps, for hours in which no single sweep matters
        """
        for passed in range(1, minutes + 1):
            self.clock.advance(MINUTE)
            self.cloud.tick()
            self.cloud.settle()
            self.send_heartbeats()
            if passed % sweep_every == 0:
                self.application.sweep.run()

    def wait_for_phase(self, instance: Instance, phase: Phase, minutes: int = 60, *, sweep_every: int = 1) -> Instance:
        """Let minutes pass until the instance is in `phase`."""
        return self.wait_until(instance, lambda now: now.phase is phase, minutes, sweep_every=sweep_every)

    def wait_until(
        self, instance: Instance, condition: Callable[[Instance], bool], minutes: int = 60, *, sweep_every: int = 1
    ) -> Instance:
        """Let minutes pass until `condition` is true for the instance."""
        for _ in range(0, minutes, sweep_every):
            current = self.load(instance)
            if condition(current):
                return current
            self.pass_minutes(sweep_every, sweep_every=sweep_every)
        history = "\n".join(f"{line.at:%H:%M} {line.code}: {line.message}" for line in self.list_timeline(instance))
        raise AssertionError(f"{instance.name} is {self.load(instance).phase} after {minutes} minutes\n{history}")

    def send_heartbeats(self) -> None:
        """Send a heartbeat from every running instance that has a heartbeat item."""
        for instance_id, tracked in self.cloud.lifecycle.instances.items():
            if tracked.state == "running":
                with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                    self.send_heartbeat(instance_id)

    def send_heartbeat(self, instance_id: str, **replaced: Any) -> None:
        """Send one heartbeat of one instance, with evidence folded as the probe folds it."""
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
        key = self.build_heartbeat_key(instance_id)
        if replaced:
            self.write_heartbeat(instance_id, {**encode_heartbeat(heartbeat, key), **replaced})
        else:
            probe.HeartbeatClient(self._dynamodb.update_item, HeartbeatModel.Meta.table_name, key).send(heartbeat)

    def reboot_instances(self) -> None:
        """Reboot every instance, so that its probe starts again."""
        self.boot_id = f"{self.boot_id}'"
        self._evidence.clear()

    def power_off(self, instance_id: str) -> None:
        """Let an instance switch itself off."""
        self.cloud.record_power_off(instance_id)

    def pause(self) -> None:
        """Pause gpudesk, as an admin does."""
        self.application.desk.update(ADMIN, mode=Mode.PAUSED)

    def set_limits(self, **limits: int) -> None:
        """Set limits, as an admin does."""
        self.application.desk.update(ADMIN, limits=limits)

    def set_email(self, owner: str, address: str) -> None:
        """Set an e-mail address for an owner's notifications."""
        owners = self.application.reconciler.stores.owners
        owners.save(replace(owners.get(owner), channels=Channels(email=address)))

    def confirm_email(self, address: str) -> None:
        """Confirm an e-mail subscription with the token of the last mail."""
        token = self.cloud.mailbox.find_token(address)
        boto3.client("sns", "us-east-1").confirm_subscription(
            TopicArn=self.application.settings.email_topic_arn, Token=token
        )

    def build_heartbeat_key(self, instance_id: str) -> str:
        """Return the key of the instance's heartbeat item."""
        return f"{self.application.settings.instance_role_id}:{instance_id}"

    def write_heartbeat(self, instance_id: str, attributes: dict[str, Any]) -> None:
        """Write any attributes to the instance's heartbeat item, as the instance itself may."""
        name = HeartbeatModel.Meta.table_name
        key = {"id": {"S": self.build_heartbeat_key(instance_id)}}
        before = self._dynamodb.get_item(TableName=name, Key=key).get("Item", {})
        orders = {name: value for name, value in before.items() if name == "response"}
        written = TypeSerializer().serialize(attributes)["M"]
        self._dynamodb.put_item(TableName=name, Item={**key, **written, **orders})

    def get_ec2_state(self, instance_id: str) -> str:
        """Return EC2's state of the instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def list_ec2_ids(self) -> list[str]:
        """Return the ids of all EC2 instances that are not terminated."""
        pages = self.ec2.describe_instances()["Reservations"]
        return [
            found["InstanceId"]
            for page in pages
            for found in page["Instances"]
            if found["State"]["Name"] not in ("terminated", "shutting-down")
        ]

    def get_public_image(self) -> str:
        """Return the id of a public AMI, for launches without gpudesk."""
        name = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
        return str(boto3.client("ssm", "us-east-1").get_parameter(Name=name)["Parameter"]["Value"])

    def load(self, instance: Instance) -> Instance:
        """Return the present record of the instance."""
        found = self.application.reconciler.stores.instances.load(instance.id)
        assert found is not None
        return found

    def get_snapshot(self, instance: Instance) -> InstanceSnapshot:
        return self.application.queries.get(ADMIN, instance.id)

    def list_timeline(self, instance: Instance) -> list[TimelineEntry]:
        return [*self.application.queries.list_timeline(ADMIN, instance.id, limit=100, cursor=None).items]

    def list_codes(self, instance: Instance) -> list[str]:
        """Return the codes of the timeline, in order."""
        return [line.code for line in self.list_timeline(instance)]

    def crash_after_calls(self, crash: Callable[[Step, Outcome], None]) -> None:
        """Call `crash` after each call to AWS, with its outcome, before the outcome is recorded."""
        executor = CrashingExecutor(**vars(self.application.reconciler.executor), crash=crash)
        reconciler = replace(self.application.reconciler, executor=executor)
        sweep = replace(self.application.sweep, reconciler=reconciler)
        self.application = replace(self.application, reconciler=reconciler, sweep=sweep)


def get_ec2_id(instance: Instance) -> str:
    """Return the id of the EC2 instance."""
    assert instance.ec2_instance is not None
    return instance.ec2_instance.instance_id


@dataclass(frozen=True)
class CrashingExecutor(Executor):
    """Executes a step, and may crash afterwards."""

    crash: Callable[[Step, Outcome], None]

    def execute(self, instance: Instance, step: Step) -> Outcome:
        outcome = super().execute(instance, step)
        self.crash(step, outcome)
        return outcome


def build_simulated_machines() -> SimulatedMachines:
    """Return simulated machines with plausible benchmark results."""
    machines = SimulatedMachines()
    machines.simulators[BENCHMARK_DOCUMENT] = simulate_benchmark
    return machines


UNCHANGED_ATTRIBUTES = ("_extensions", "_patches")
STATE_CACHE = StateCache()
_PROVISIONED: list[tuple[bytes, Settings]] = []
"""State of a provisioned account, created once per process."""


def list_parts(cloud: LocalCloud) -> tuple[object, ...]:
    """Return the parts of a local cloud that have state, without the machines."""
    direct = (cloud, cloud.clock, *cloud._extensions, *vars(cloud).values(), cloud.lifecycle)
    own = {id(part): part for part in direct if type(part).__module__.startswith("local.aws") or part is cloud.clock}
    return tuple(part for part in own.values() if type(part) not in (Patches, AwsTiming))


def provision_account(cloud: LocalCloud) -> Settings:
    """Provision an account, and return gpudesk's settings."""
    snapshots = Snapshots(
        list_parts(cloud), unchanged_objects=(cloud.machines, cloud.timing), unchanged_attributes=UNCHANGED_ATTRIBUTES
    )
    if not _PROVISIONED:
        settings = provision()
        _PROVISIONED.append((snapshots.take(), settings))
    state, settings = _PROVISIONED[0]
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    snapshots.restore(state)
    return settings


@contextmanager
def open_world(
    timing: AwsTiming | None = None,
    machines: Machines | None = None,
    recipes: Mapping[str, Recipe] | None = None,
) -> Iterator[World]:
    """Provide gpudesk and an empty local cloud."""
    clock = ManualClock()
    machines = machines or build_simulated_machines()
    with in_process_cloud(clock, machines, timing) as cloud:
        settings = provision_account(cloud)
        yield World(cloud, clock, bootstrap.build_application(clock, settings, recipes), (timing, recipes))
        forget_backends()
