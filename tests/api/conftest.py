"""The API over real HTTP, in front of a desk on the in-process cloud."""

from collections.abc import Iterator

import pytest

import app as application
from chalicelib import bootstrap
from chalicelib.domain.actors import Role
from chalicelib.settings import read_settings
from chalicelib.store import models
from local.api_server import ApiServer
from local.clock import ManualClock
from local.cloud.testing import in_process_cloud
from tests.api.client import Bench, Client


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    with ApiServer(application.app) as running:
        yield running


@pytest.fixture
def bench(server: ApiServer) -> Iterator[Bench]:
    clock = ManualClock()
    with in_process_cloud(clock):
        models.forget_connections()
        models.create_tables()
        desk = bootstrap.build(clock, read_settings({}))
        bootstrap.install(desk)
        people = {"ada": Role.USER, "bob": Role.USER, "root": Role.ADMIN, "slack": Role.BOT}
        tokens = {name: desk.tokens.make(name, role, now=clock.now()) for name, role in people.items()}
        clients = {name: Client(server.port, token) for name, token in tokens.items()}
        yield Bench(clock=clock, desk=desk, port=server.port, tokens=tokens, clients=clients)
        for client in clients.values():
            client.close()
        bootstrap.install(None)
    models.forget_connections()
