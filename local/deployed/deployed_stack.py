"""All parts of a deployed run: the local cloud, the stacks, their functions in processes, routes and triggers."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib.domain.access.actor import Role
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store.tables import reset_endpoint
from chalicelib.store.tokens import TokenRepository
from deploy.chalice_resources import API_STAGE
from deploy.settings import DeploymentSettings, RegionSettings, read_deployment_settings
from local.aws.cloudformation import extension
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.demo.simulated_benchmark import simulate_benchmark
from local.demo.simulated_probe import SimulatedProbes
from local.demo.webhook_receiver import WebhookReceiver
from local.deployed.function import Function
from local.deployed.functions import build_host, list_functions
from local.deployed.gateway import DeployedGateway
from local.deployed.routes import read_rest_api
from local.deployed.rules import read_rules
from local.deployed.stacks import deploy_stacks
from local.deployed.stream import read_mappings, switch_off_delivery_of_moto
from local.deployed.triggers import Triggers
from local.deployed.unpack import unpack
from local.isolation import set_endpoint
from local.machines.host.simulated import SimulatedMachines
from local.options import Options
from local.server.api_server import GatewayServer
from local.stack import Fleet, Stack

AWAY_REGION = "us-west-2"
"""The region of the demo's instance. Its events reach the functions through the forwarding rules only."""

MAX_STARTING = 2
"""Functions that import their code at the same time. Each keeps a core busy."""


@dataclass(frozen=True)
class Package:
    """The zip of a run.

    :param folder: where it is unpacked, and where the logs of its functions are
    :param python: the Python of the functions' environment
    """

    zip_file: Path
    folder: Path
    python: Path


@contextmanager
def run_deployed_stack(
    options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud, package: Package
) -> Iterator[Stack]:
    """Deploy to the local cloud, start all parts, the API last, and stop them at the end."""
    with ExitStack() as exit_stack:
        exit_stack.callback(machines.close)
        server = exit_stack.enter_context(CloudServer(cloud, options.cloud_port))
        cloud.environment["GPUDESK_PROBE_INTERVAL_SECONDS"] = str(options.heartbeat_interval_seconds)
        set_endpoint(os.environ, server.url)
        reset_endpoint(server.url)
        cloud.add_extension(extension)
        settings = read_run_settings()
        outputs = deploy_stacks(settings, package.zip_file)
        functions = start_functions(settings, package, cloud, server.url)
        for function in functions.values():
            exit_stack.callback(function.close)
        api_id = outputs["RestAPIId"]
        gateway = DeployedGateway(read_rest_api(settings.home_region, api_id, API_STAGE), functions)
        api = GatewayServer(gateway, options.port)
        exit_stack.callback(api.stop)
        triggers = start_triggers(cloud, settings, functions)
        exit_stack.callback(triggers.stop)
        if isinstance(machines, SimulatedMachines):
            machines.simulators[BENCHMARK_DOCUMENT] = simulate_benchmark
            probes = SimulatedProbes(cloud, machines, options.heartbeat_interval_seconds)
            exit_stack.callback(probes.stop)
            probes.start()
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
            region=AWAY_REGION,
        )


def read_run_settings() -> DeploymentSettings:
    """Return the settings of the stage dev, with a second region."""
    settings = read_deployment_settings("dev")
    return replace(settings, region_settings={**settings.region_settings, AWAY_REGION: RegionSettings()})


def start_functions(
    settings: DeploymentSettings, package: Package, cloud: LocalCloud, cloud_url: str
) -> dict[str, Function]:
    """Start a process for each function of the home stack, and import its code.

    :returns: the functions by ARN
    """
    digest = hashlib.sha256(package.zip_file.read_bytes()).hexdigest()
    code = unpack(package.zip_file, package.folder / "code")
    host = build_host(package.python, code, package.folder / "logs", cloud_url)
    functions = list_functions(settings.home_region, digest, host, partial(create_credentials, cloud))
    with ThreadPoolExecutor(MAX_STARTING) as executor:
        list(executor.map(Function.warm_up, functions.values()))
    return functions


def create_credentials(cloud: LocalCloud, role_arn: str, session_name: str) -> Mapping[str, str]:
    """Return the credentials with which Lambda runs a function as its role."""
    session = cloud.roles.open_service_session(role_arn.rpartition("/")[2], session_name)
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }


def start_triggers(cloud: LocalCloud, settings: DeploymentSettings, functions: Mapping[str, Function]) -> Triggers:
    """Deliver stream records, events and schedules to the functions from now on."""
    mappings = read_mappings(settings.home_region)
    switch_off_delivery_of_moto(DEFAULT_ACCOUNT_ID, settings.home_region, mappings)
    (mapping,) = mappings
    triggers = Triggers(cloud, functions, settings.home_region)
    triggers.start(read_rules([settings.home_region, *settings.regions]), mapping)
    return triggers
