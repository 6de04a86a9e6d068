"""All parts of a run in one process: the local cloud with its instances, gpudesk, its triggers, and the API."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import app
from chalicelib import bootstrap, events
from chalicelib.domain.access.actor import Role
from chalicelib.domain.common.document_names import build_document_name
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.settings import read_settings
from chalicelib.store.instances.table import InstanceModel
from chalicelib.store.tokens import TokenRepository
from local.aws.core.cloud_server import CloudServer
from local.aws.core.delivery import Delivery, EventHandlers, StreamImage
from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.demo.simulated_benchmark import simulate_benchmark
from local.demo.simulated_probe import SimulatedProbes
from local.demo.webhook_receiver import WebhookReceiver
from local.function_roles import attribute_calls, find_route_role
from local.isolation import set_endpoint, set_region
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.simulated import SimulatedMachines
from local.options import Options
from local.provisioning import provision_variables
from local.schedule import Schedule
from local.server.api_server import ApiServer
from local.settings import STAGE, build_local_names

Fleet = SandboxedMachines | SimulatedMachines

EVENT_RULES: tuple[tuple[Mapping[str, list[str]], Callable[..., Any]], ...] = (
    (events.EC2_PATTERN, app.on_ec2_state_change),
    (events.SPOT_PATTERN, app.on_spot_interruption),
    (events.COMMAND_PATTERN, app.on_ssm_command_change),
)
"""Rules of EventBridge: each a pattern and a Lambda function."""

REGIONS = ("us-west-2", "us-east-1", "ap-northeast-2")
"""The regions of gpudesk, the home region first: two in one country, between which a launch moves, and one far away."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The running parts of a run.

    :param tokens: the tokens in gpudesk's table
    :param admin_token: bearer token of an admin, created for this run
    :param webhook_url: URL of the webhook receiver
    :param home_region: the region of gpudesk itself
    :param region: the region of the demo's instance
    """

    options: Options
    clock: PacedClock
    machines: Fleet
    cloud: LocalCloud
    cloud_url: str
    api_url: str
    tokens: TokenRepository
    admin_token: str
    webhook_receiver: WebhookReceiver
    webhook_url: str
    home_region: str
    region: str

    def create_token(self, owner: str) -> str:
        """Return a new bearer token of a user."""
        return self.tokens.create(owner, Role.USER, now=self.clock.now())


@contextmanager
def run_stack(options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud) -> Iterator[Stack]:
    """Start all parts, the API last, and stop them at the end."""
    with ExitStack() as exit_stack:
        exit_stack.callback(machines.close)
        server = exit_stack.enter_context(CloudServer(cloud, options.cloud_port))
        cloud.environment["GPUDESK_PROBE_INTERVAL_SECONDS"] = str(options.heartbeat_interval_seconds)
        set_endpoint(os.environ, server.url)
        regions = options.regions or REGIONS
        set_region(os.environ, regions[0])
        cloud.settings = provision_variables(regions)
        settings = read_settings(cloud.settings)
        names = build_local_names(settings.regions)
        exit_stack.enter_context(attribute_calls(names))
        application = bootstrap.build_application(clock, settings)
        bootstrap.set_application(application)
        exit_stack.callback(bootstrap.set_application, None)
        api = ApiServer(app.app, options.port, identify=partial(find_route_role, names))
        exit_stack.callback(api.stop)
        application.catalog_refresher.run()
        bootstrap.get_current_application().offer_refresher.run()
        # A first sweep creates the SDK's clients. That is slow, and otherwise the first request would wait for it.
        application.sweep.run()
        schedule = Schedule()
        exit_stack.callback(schedule.stop)
        delivery = _build_delivery(cloud, settings.home_region, schedule)
        exit_stack.callback(delivery.stop)
        delivery.start()
        start_simulated_programs(exit_stack, cloud, machines, options)
        receiver = WebhookReceiver()
        exit_stack.callback(receiver.stop)
        webhook_url = receiver.start()
        token = application.tokens.create("admin", Role.ADMIN, now=clock.now())
        api.start()
        yield Stack(
            options=options,
            clock=clock,
            machines=machines,
            cloud=cloud,
            cloud_url=server.url,
            api_url=api.url,
            tokens=application.tokens,
            admin_token=token,
            webhook_receiver=receiver,
            webhook_url=webhook_url,
            home_region=settings.home_region,
            region=settings.home_region,
        )


def start_simulated_programs(exit_stack: ExitStack, cloud: LocalCloud, machines: Fleet, options: Options) -> None:
    """Simulate the probe and the benchmark of instances that run no program. Others run the real ones."""
    if isinstance(machines, SimulatedMachines):
        machines.simulators[build_document_name(STAGE, BENCHMARK_DOCUMENT)] = simulate_benchmark
        probes = SimulatedProbes(cloud, machines, options.heartbeat_interval_seconds)
        exit_stack.callback(probes.stop)
        probes.start()


def _build_delivery(cloud: LocalCloud, region: str, schedule: Schedule) -> Delivery:
    handlers = EventHandlers(
        on_stream=lambda event: app.on_instances_stream(event, None), on_event=_on_event, on_schedule=schedule.call
    )
    return Delivery(cloud, handlers, [InstanceModel.Meta.table_name], stream_filter=_is_user_write, region=region)


def _is_user_write(_: StreamImage | None, new: StreamImage | None) -> bool:
    return new is not None and new.get("user_write") == {"BOOL": True}


def _on_event(event: dict[str, Any]) -> None:
    for pattern, handler in EVENT_RULES:
        if all(event.get(field) in allowed for field, allowed in pattern.items()):
            handler(event, None)
