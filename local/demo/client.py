"""The desk as a client sees it: JSON over HTTP, a bearer token, nothing else."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 30

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Refused(Exception):
    """The other side answered, but not with what was asked for."""


class Client:
    """One caller of one server.

    :param headers: sent with every request
    :ivar asked: how many requests were made
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.asked = 0
        self._headers = headers or {}

    def request(self, method: str, path: str, body: object = None) -> Answer:
        """Any answer below 400.

        :raises Refused: 400 and above, with the server's own words
        :raises OSError: there is no answer
        """
        self.asked += 1
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if data else {})}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with _direct.open(request, timeout=TIMEOUT_SECONDS) as response:
                return Answer(response.status, response.headers, json.loads(response.read() or b"null"))
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise Refused(f"{method} {path} was answered with {error.code}: {said}") from error

    def get(self, path: str) -> Any:
        """The body of the answer to a GET."""
        return self.request("GET", path).body

    def post(self, path: str, body: object = None) -> Any:
        """The body of the answer to a POST."""
        return self.request("POST", path, body).body


def bearer(token: str) -> Mapping[str, str]:
    """As the desk wants it."""
    return {"Authorization": f"Bearer {token}"}
