"""All parts of a deployed run: the local cloud, a deployment, its triggers, and what the demo needs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from chalicelib.domain.access.actor import Role
from chalicelib.store.tables import connect_tables, reset_endpoint
from chalicelib.store.tokens import TokenRepository
from deploy.chalice_resources import API_STAGE
from deploy.names import ResourceNames
from deploy.settings import DeploymentSettings, RegionSettings
from deploy.stage_file import read_deployment_settings
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.unsupported_calls import SERVICES
from local.clock import PacedClock
from local.demo.webhook_receiver import WebhookReceiver
from local.deployed.deployment import RunPackage, deploy
from local.deployed.stacks import SERVICES as DEPLOYMENT_SERVICES
from local.deployed.triggers import Triggers
from local.isolation import set_endpoint
from local.options import Options
from local.server.api_server import GatewayServer
from local.settings import STAGE
from local.stack import Fleet, Stack, start_simulated_programs

DEMO_REGION = "us-west-2"
"""The region of the demo's instance. Its events reach the functions through the forwarding rules only."""


@contextmanager
def run_deployed_stack(
    options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud, package: RunPackage
) -> Iterator[Stack]:
    """Deploy to the local cloud, start all parts, the API last, and stop them at the end."""
    with ExitStack() as exit_stack:
        exit_stack.callback(machines.close)
        server = exit_stack.enter_context(CloudServer(cloud, options.cloud_port, SERVICES | DEPLOYMENT_SERVICES))
        cloud.environment["GPUDESK_PROBE_INTERVAL_SECONDS"] = str(options.heartbeat_interval_seconds)
        set_endpoint(os.environ, server.url)
        reset_endpoint(server.url)
        settings = read_run_settings(options.regions)
        names = ResourceNames(settings)
        connect_tables(settings.home_region, names.prefix)
        deployment = exit_stack.enter_context(deploy(cloud, settings, package, server.url))
        # A first request creates the SDK's clients of the API. That is slow while everything else starts, too.
        deployment.gateway.handle("GET", f"/{API_STAGE}/healthz", {}, b"")
        api = GatewayServer(deployment.gateway, options.port)
        exit_stack.callback(api.stop)
        triggers = Triggers(cloud, deployment.functions, settings.home_region)
        exit_stack.callback(triggers.stop)
        triggers.start(deployment.rules, deployment.mapping)
        start_simulated_programs(exit_stack, cloud, machines, options)
        receiver = WebhookReceiver()
        exit_stack.callback(receiver.stop)
        webhook_url = receiver.start()
        tokens = TokenRepository()
        api.start()
        yield Stack(
            options=options,
            clock=clock,
            machines=machines,
            cloud=cloud,
            cloud_url=server.url,
            api_url=f"{api.url}/{API_STAGE}",
            tokens=tokens,
            admin_token=tokens.create("admin", Role.ADMIN, now=clock.now()),
            webhook_receiver=receiver,
            webhook_url=webhook_url,
            home_region=settings.home_region,
            region=DEMO_REGION,
        )


def read_run_settings(regions: Sequence[str] = ()) -> DeploymentSettings:
    """Return the settings of the stage dev, with further regions."""
    settings = read_deployment_settings(STAGE)
    further = {region: RegionSettings() for region in (DEMO_REGION, *regions)}
    return replace(settings, region_settings={**further, **settings.region_settings})
