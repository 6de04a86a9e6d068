"""HTTP to this machine itself: short, and by no proxy that somebody has set."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Protocol

LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Response:
    """What came back. Header names in lower case."""

    body: bytes
    headers: Mapping[str, str]


class Request(Protocol):
    """One request. Raises OSError where there is no answer, or none of success."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str]) -> Response: ...


def send(method: str, url: str, headers: Mapping[str, str]) -> Response:
    """`Ask`, for real."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, headers=dict(headers))
    try:
        with opener.open(request, timeout=LIMIT_SECONDS) as response:
            return Response(response.read(), {name.lower(): value for name, value in response.headers.items()})
    except HTTPException as error:
        raise OSError(f"no answer of HTTP: {type(error).__name__}") from error
