"""HTTP client that sends exactly the bytes of a test, over one kept connection."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.world import World

POLICY: dict[str, Any] = {
    "idle_minutes": 30,
    "warning_minutes": 10,
    "signals": ["gpu", "jupyter", "sessions", "hold", "cpu", "disk", "network"],
    "thresholds": {
        "gpu_percent": 5,
        "cpu_core_percent": 25,
        "disk_kib_per_second": 1024,
        "network_kib_per_second": 100,
    },
}
"""The default idle policy."""


@dataclass(frozen=True)
class Answer:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def field_errors(self) -> dict[str, str]:
        """Error messages by field."""
        return {error["field"]: error["message"] for error in self.json["errors"]}


class Client:
    """A client with the token of one person."""

    def __init__(self, port: int, token: str | None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._token = token

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, and return the answer.

        :param body: sent as JSON
        :param raw: sent unchanged, instead of `body`
        """
        authorization = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, content, {**authorization, **(headers or {})})
        response = self._connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass(frozen=True)
class Bench:
    """The application on a local cloud, and a client for each person."""

    world: World
    port: int
    tokens: Mapping[str, str]
    clients: Mapping[str, Client]
    extra_clients: list[Client] = field(default_factory=list)

    @property
    def ada(self) -> Client:
        return self.clients["ada"]

    @property
    def bob(self) -> Client:
        return self.clients["bob"]

    @property
    def root(self) -> Client:
        return self.clients["root"]

    @property
    def slack(self) -> Client:
        return self.clients["slack"]

    def create_client(self, token: str | None = None) -> Client:
        """Return a new client. Its connection is closed after the test."""
        self.extra_clients.append(Client(self.port, token))
        return self.extra_clients[-1]

    def send_bytes(self, content: bytes) -> bytes:
        """Send bytes and return everything that the server sends until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
