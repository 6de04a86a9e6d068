"""All of it in one process: the local cloud with its pretend instances, the desk, what wakes it, and the API."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import app
from chalicelib import bootstrap, events
from chalicelib.domain.access.actor import Role
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store.instances.table import InstanceModel
from local.aws.core.delivery import Delivery, Image
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.serve import CloudServer
from local.clock import PacedClock
from local.demo.simulated_benchmark import simulated_benchmark
from local.demo.simulated_probe import SimulatedProbes
from local.demo.webhook_receiver import WebhookReceiver
from local.isolation import point_to
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.simulated import SimulatedMachines
from local.options import Options
from local.provisioning import provision
from local.server.api_server import ApiServer

Fleet = SandboxedMachines | SimulatedMachines

PATTERNS: tuple[tuple[Mapping[str, list[str]], Callable[..., Any]], ...] = (
    (events.EC2_PATTERN, app.on_ec2_state_change),
    (events.COMMAND_PATTERN, app.on_ssm_command_change),
)
"""What EventBridge's rules would let through, and to whom."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What runs.

    :param admin_token: of an admin, made for this run
    """

    options: Options
    clock: PacedClock
    machines: Fleet
    cloud: LocalCloud
    cloud_url: str
    api_url: str
    admin_token: str
    inbox: WebhookReceiver
    inbox_url: str

    def token_for(self, owner: str) -> str:
        """A user's token."""
        return bootstrap.get_application().tokens.create(owner, Role.USER, now=self.clock.now())


@contextmanager
def running(options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud) -> Iterator[Stack]:
    """The API answers once everything else is in place; nothing is left running afterwards."""
    with ExitStack() as stack:
        stack.callback(machines.close)
        server = stack.enter_context(CloudServer(cloud, options.cloud_port))
        cloud.environment["GPUDESK_PROBE_INTERVAL_SECONDS"] = str(options.heartbeat_interval)
        point_to(os.environ, server.url)
        desk = bootstrap.build_application(clock, provision())
        bootstrap.set_application(desk)
        stack.callback(bootstrap.set_application, None)
        api = ApiServer(app.app, options.port)
        stack.callback(api.stop)
        desk.sweep.run()  # a first one before anybody waits: making the SDK's clients takes longer than the sweep
        delivery = _delivery(cloud)
        stack.callback(delivery.stop)
        delivery.start()
        if isinstance(machines, SimulatedMachines):
            machines.answers[BENCHMARK_DOCUMENT] = simulated_benchmark
            probes = SimulatedProbes(cloud, machines, options.heartbeat_interval)
            stack.callback(probes.stop)
            probes.start()
        inbox = WebhookReceiver()
        stack.callback(inbox.stop)
        inbox_url = inbox.start()
        token = desk.tokens.create("admin", Role.ADMIN, now=clock.now())
        api.start()
        yield Stack(
            options=options,
            clock=clock,
            machines=machines,
            cloud=cloud,
            cloud_url=server.url,
            api_url=api.url,
            admin_token=token,
            inbox=inbox,
            inbox_url=inbox_url,
        )


def _delivery(cloud: LocalCloud) -> Delivery:
    return Delivery(
        cloud,
        on_stream=lambda event: app.on_instances_stream(event, None),
        on_event=_route,
        on_schedule=_scheduled,
        tables=[InstanceModel.Meta.table_name],
        wakes=_is_a_persons,
    )


def _scheduled(event: dict[str, Any]) -> None:
    """Both schedules: the sweep's each minute, the watch's over it every fifth, also where the sweep fails."""
    try:
        app.sweep(event, None)
    finally:
        if datetime.fromisoformat(event["time"]).minute % 5 == 0:
            app.check_sweep_health(event, None)


def _is_a_persons(_: Image | None, new: Image | None) -> bool:
    return new is not None and new.get("user_write") == {"BOOL": True}


def _route(event: dict[str, Any]) -> None:
    for pattern, handler in PATTERNS:
        if all(event.get(field) in allowed for field, allowed in pattern.items()):
            handler(event, None)
