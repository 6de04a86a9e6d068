"""API over real HTTP, served by an application on the in-process cloud."""

from collections.abc import Iterator
from functools import partial

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

import app as application
from chalicelib import bootstrap
from chalicelib.domain.access.actor import Role
from chalicelib.store.tokens import TokenModel
from local.function_roles import find_route_role
from local.provisioning import REGIONS
from local.server.api_server import ApiServer
from local.settings import build_local_names
from tests.api.client import Bench, Client
from tests.support.world import World, open_world

PEOPLE = {"ada": Role.USER, "bob": Role.USER, "root": Role.ADMIN, "slack": Role.BOT}


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    identify = partial(find_route_role, build_local_names(REGIONS))
    with ApiServer(application.app, identify=identify) as running:
        yield running


@pytest.fixture(scope="module")
def one_bench(server: ApiServer) -> Iterator[Bench]:
    """Tables and clients of one module. Tests share them, because creating them takes longer than most tests."""
    with open_world() as world:
        bootstrap.set_application(world.application)
        tokens = {name: world.application.tokens.create(name, role, now=world.now) for name, role in PEOPLE.items()}
        clients = {name: Client(server.port, token) for name, token in tokens.items()}
        yield Bench(world=world, port=server.port, tokens=tokens, clients=clients)
        for client in clients.values():
            client.close()
        bootstrap.set_application(None)


@pytest.fixture
def bench(one_bench: Bench) -> Iterator[Bench]:
    """Tables that are empty except for the tokens of four people."""
    bootstrap.set_application(one_bench.world.application)
    yield one_bench
    for stranger in one_bench.extra_clients:
        stranger.close()
    one_bench.extra_clients.clear()
    _delete_all(one_bench.world)


def _delete_all(world: World) -> None:
    """Delete the items in moto itself: a call for each item would take most of a test's time."""
    for table in dynamodb_backends[DEFAULT_ACCOUNT_ID][world.application.settings.home_region].tables.values():
        if table.name != TokenModel.Meta.table_name:
            table.items.clear()
    machines = world.list_ec2_ids()
    if machines:
        world.ec2.terminate_instances(InstanceIds=machines)
