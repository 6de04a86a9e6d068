"""Calls of the local cloud over HTTP: clients of the SDK, and the admin API."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from botocore.config import Config

from local.aws.core.cloud_server import CloudServer
from local.aws.core.testing import create_session
from tests.local.aws.conftest import ONCE

Client = Callable[..., Any]


def build_client(server: CloudServer) -> Client:
    """Return a function that creates the client of a service."""

    def make(service: str, config: Config = ONCE) -> Any:
        session: Any = create_session()
        return session.client(service, endpoint_url=server.url, config=config)

    return make


def call_admin_api(server: CloudServer, path: str, **body: Any) -> Any:
    """Return the answer of the admin API, to a POST if there is a body."""
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(f"{server.url}/_local/{path}", data) as answer:
        return json.load(answer)
