"""Short HTTP requests to addresses of the instance itself, never through a configured proxy."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Protocol
from urllib.error import HTTPError

LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Response:
    """Body and headers of a response. Header names are in lower case."""

    body: bytes
    headers: Mapping[str, str]


class Request(Protocol):
    """One request. Raises OSError if there is no response, or an error response."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str]) -> Response:
        """Send the request and return the response."""
        ...


def send(method: str, url: str, headers: Mapping[str, str]) -> Response:
    """Send a request over the network (`Request`)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, headers=dict(headers))
    try:
        with opener.open(request, timeout=LIMIT_SECONDS) as response:
            return Response(response.read(), {name.lower(): value for name, value in response.headers.items()})
    except HTTPError as error:
        error.close()
        raise
    except HTTPException as error:
        raise OSError(f"not an HTTP response: {type(error).__name__}") from error
