"""gpudesk on the local cloud in one process, on a clock that a test moves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, TypeVar

import boto3

from chalicelib import bootstrap
from chalicelib.aws.clients import build_client_sets
from chalicelib.control.application import Application
from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.control.services.queries import InstanceSnapshot
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Step
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud, share_sdk_session
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.function_roles import attribute_calls
from local.machines.host.interface import Machines
from local.machines.host.simulated import SimulatedMachines
from local.provisioning import REGIONS
from local.settings import build_local_names
from tests.support.crashing_executor import CrashingExecutor
from tests.support.provisioned_cloud import (
    UNCHANGED_ATTRIBUTES,
    build_simulated_machines,
    list_parts,
    provision_account,
)
from tests.support.simulated_probes import SimulatedProbes
from tests.support.snapshots import Snapshots, StateCache, forget_backends

ADA = Actor(owner="ada", role=Role.USER)
ADMIN = Actor(owner="root", role=Role.ADMIN)
MINUTE = timedelta(minutes=1)
STATE_CACHE = StateCache()
POLICY_FIELDS = {field.name for field in fields(PolicyOverride)}

Reached = TypeVar("Reached")


class World(SimulatedProbes):
    """gpudesk and a local cloud, with the actions that a test performs: launch, wait, crash.

    :ivar application: gpudesk. A test replaces it to add a webhook or a crash.
    """

    def __init__(self, cloud: LocalCloud, clock: ManualClock, application: Application, origin: object = None) -> None:
        """:param origin: arguments of the world. Stored states are shared only by worlds with equal arguments."""
        super().__init__(cloud, clock, application.settings.instance_role_id)
        self.application = application
        self._origin = origin
        self._plain_application = application
        self._test_objects: tuple[object, ...] = ()
        self.ec2 = boto3.client("ec2", "us-east-1")

    def launch(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> Instance:
        """Request an instance, and return its record before the first reconcile."""
        return self.request_launch(actor, key=key, **request).instance

    def request_launch(self, actor: Actor = ADA, *, key: str | None = None, **request: Any) -> InstanceWithWarnings:
        """Request an instance, and return its record with the warnings."""
        request = {"gpu": "T4", **request} if "instance_type" not in request else request
        policy = {name: request.pop(name) for name in tuple(request) if name in POLICY_FIELDS}
        digest = repr(sorted([*request.items(), *policy.items()]))
        launch_request = LaunchRequest(**request, policy=PolicyOverride(**policy))
        return self.application.launches.launch(actor, launch_request, key=key, body_digest=digest)

    def launch_until_ready(self, **request: Any) -> Instance:
        """Launch an instance, and let minutes pass until it is ready."""
        return self.reach(("ready", request), lambda: self.wait_for_phase(self.launch(**request), Phase.READY))

    def launch_until_warned(self, **request: Any) -> Instance:
        """Launch an instance with a short idle window, and let minutes pass until it has an idle warning."""
        policy = {"idle_minutes": 6, "warning_minutes": 6}
        request = {**policy, **request}
        return self.reach(
            ("warned", request),
            lambda: self.wait_until(self.launch_until_ready(**request), lambda now: now.warning is not None),
        )

    def launch_until_stopped(self, **request: Any) -> Instance:
        """Launch an instance, stop it as its owner does when it is ready, and let minutes pass until it is stopped."""
        return self.reach(("stopped", request), lambda: self._launch_and_stop(**request))

    def replace_application(self, application: Application, test_object: object) -> None:
        """Replace gpudesk by one that uses an object of the test.

        :param test_object: stored and restored with the world
        """
        if self.application is self._plain_application:
            self._plain_application = application
        self.application = application
        self._test_objects += (test_object,)

    def reach(self, key: tuple[object, ...], build: Callable[[], Reached]) -> Reached:
        """Build a state, or restore the state in which an equal world has built the same before.

        A world whose application crashes always builds, because a crash function cannot be copied.

        :param key: identifies what is built
        :returns: result of `build`, which callers must not change
        """
        if self.application is not self._plain_application:
            return build()
        test_types = [type(test_object) for test_object in self._test_objects]
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
                "_origin",
            ),
        )
        key = (*key, test_types, type(machines), self._origin)
        return STATE_CACHE.reach(snapshots, key, build)  # type: ignore[no-any-return]

    def _launch_and_stop(self, **request: Any) -> Instance:
        instance = self.launch_until_ready(**request)
        self.application.instances.stop(ADA, instance.id)
        return self.wait_for_phase(instance, Phase.STOPPED)

    def pass_minutes(self, minutes: int = 1, *, sweep_every: int = 1) -> None:
        """Let minutes pass. In each one the probes send heartbeats and gpudesk sweeps.

        :param sweep_every: minutes between sweeps. A larger value saves test time.
        """
        for passed in range(1, minutes + 1):
            self.clock.advance(MINUTE)
            self.cloud.tick()
            self.cloud.settle()
            self.send_heartbeats()
            if passed % sweep_every == 0:
                self.application.sweep.run()
                self.application.notifications.run()

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

    def power_off(self, instance_id: str) -> None:
        """Power off an instance from inside, as its own shutdown does."""
        self.cloud.record_power_off(instance_id)

    def pause(self) -> None:
        """Pause gpudesk, as an admin does."""
        self.application.desk.update(ADMIN, mode=Mode.PAUSED)

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

    def get_ec2_state(self, instance_id: str) -> str:
        """Return the state that EC2 shows for the instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def list_ec2_ids(self) -> list[str]:
        """Return the ids of all EC2 instances that are not terminated."""
        reservations = self.ec2.describe_instances()["Reservations"]
        return [
            found["InstanceId"]
            for reservation in reservations
            for found in reservation["Instances"]
            if found["State"]["Name"] not in ("terminated", "shutting-down")
        ]

    def get_public_image(self, region: str = "us-east-1") -> str:
        """Return the id of a public AMI, for launches without gpudesk."""
        name = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
        return str(boto3.client("ssm", region).get_parameter(Name=name)["Parameter"]["Value"])

    def load(self, instance: Instance) -> Instance:
        """Return the stored record of the instance."""
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
    """Return the id of the EC2 instance behind a record."""
    assert instance.ec2_instance is not None
    return instance.ec2_instance.instance_id


def build_application(clock: Clock, settings: Settings, recipes: Mapping[str, Recipe] | None = None) -> Application:
    """Return an application whose clients are shared with other worlds of this process."""
    return bootstrap.build_application(clock, settings, recipes, build_client_sets(share_sdk_session()))


@contextmanager
def open_world(
    timing: AwsTiming | None = None,
    machines: Machines | None = None,
    recipes: Mapping[str, Recipe] | None = None,
    regions: tuple[str, ...] = REGIONS,
) -> Iterator[World]:
    """Provide gpudesk in some regions, and an empty local cloud."""
    clock = ManualClock()
    machines = machines or build_simulated_machines()
    with in_process_cloud(clock, machines, timing) as cloud:
        settings = provision_account(cloud, regions)
        with attribute_calls(build_local_names(settings.regions)):
            yield World(cloud, clock, build_application(clock, settings, recipes), (timing, recipes, regions))
        assert cloud.enforcement.denials == []
        forget_backends()
