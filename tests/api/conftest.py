"""The API over real HTTP, in front of a desk on the in-process cloud."""

from collections.abc import Iterator

import pytest

import app as application
from chalicelib import bootstrap
from chalicelib.domain.access.actor import Role
from chalicelib.store.tables import TABLES
from chalicelib.store.tokens import TokenModel
from local.server.api_server import ApiServer
from tests.api.client import Bench, Client
from tests.support.world import World, world

PEOPLE = {"ada": Role.USER, "bob": Role.USER, "root": Role.ADMIN, "slack": Role.BOT}


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    with ApiServer(application.app) as running:
        yield running


@pytest.fixture(scope="module")
def one_bench(server: ApiServer) -> Iterator[Bench]:
    """Making tables and clients takes longer than most tests, so a module shares them."""
    with world() as around:
        bootstrap.set_application(around.desk)
        tokens = {name: around.desk.tokens.create(name, role, now=around.now) for name, role in PEOPLE.items()}
        clients = {name: Client(server.port, token) for name, token in tokens.items()}
        yield Bench(world=around, port=server.port, tokens=tokens, clients=clients)
        for client in clients.values():
            client.close()
        bootstrap.set_application(None)


@pytest.fixture
def bench(one_bench: Bench) -> Iterator[Bench]:
    """A desk at which nothing has happened yet, and four people with tokens."""
    bootstrap.set_application(one_bench.world.desk)
    yield one_bench
    for stranger in one_bench.strangers:
        stranger.close()
    one_bench.strangers.clear()
    _forget(one_bench.world)


def _forget(around: World) -> None:
    for model in TABLES:
        if model is not TokenModel:
            for row in model.scan():
                row.delete()
    machines = around.ec2_ids()
    if machines:
        around.ec2.terminate_instances(InstanceIds=machines)
