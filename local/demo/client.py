"""HTTP client of a JSON API, such as gpudesk's API with a bearer token."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

TIMEOUT_SECONDS = 30
MAX_RETRIES = 3
RETRY_SECONDS = 1.0
MAX_ERROR_TEXT = 500

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opener without a proxy, because every URL is on this computer."""


@dataclass(frozen=True)
class Response:
    """Response to a request.

    :param body: parsed JSON; None without a body
    """

    status: int
    headers: Mapping[str, str]
    body: Any


class RequestFailed(Exception):
    """The server answered with a status of 400 or more."""

    def __init__(self, message: str, status: int) -> None:
        """Create the error."""
        super().__init__(message)
        self.status = status


class Client:
    """Client of one server.

    :param headers: headers of every request
    :ivar request_count: number of requests so far
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Create a client; no connection is opened."""
        self.url = url
        self.request_count = 0
        self._headers = headers or {}

    def request(self, method: str, path: str, body: object = None) -> Response:
        """Send a request and return the response.

        On a busy computer gpudesk can exceed a timeout. So a 503, and any server error of a GET, is retried, as in any
        client of a remote API.

        :param body: value to send as JSON; None sends no body
        :raises RequestFailed: the status is 400 or more
        :raises OSError: the server does not answer
        """
        for _ in range(MAX_RETRIES):
            try:
                return self._send(method, path, body)
            except RequestFailed as error:
                can_pass = error.status == HTTPStatus.SERVICE_UNAVAILABLE
                if not can_pass and (method != "GET" or error.status < HTTPStatus.INTERNAL_SERVER_ERROR):
                    raise
            time.sleep(RETRY_SECONDS)
        return self._send(method, path, body)

    def get(self, path: str) -> Any:
        """Return the body of the response to a GET request."""
        return self.request("GET", path).body

    def post(self, path: str, body: object = None) -> Any:
        """Return the body of the response to a POST request."""
        return self.request("POST", path, body).body

    def _send(self, method: str, path: str, body: object) -> Response:
        self.request_count += 1
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if data else {})}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return Response(response.status, response.headers, json.loads(response.read() or b"null"))
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:MAX_ERROR_TEXT]
            raise RequestFailed(f"{method} {path} returned {error.code}: {text}", error.code) from error


def build_auth_headers(token: str) -> Mapping[str, str]:
    """Return the headers that authenticate a request to gpudesk."""
    return {"Authorization": f"Bearer {token}"}
