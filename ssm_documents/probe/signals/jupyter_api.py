"""One Jupyter server's API: short questions that do not count as its use."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from ssm_documents.probe.signals.jupyter_servers import Access, NotAskable

LIMIT_SECONDS = 2.0

MOST_BYTES = 1_048_576
"""Thousands of kernels; what is longer is cut, and then no JSON."""


def ask(access: Access, path: str) -> Any:
    """The JSON at `api/{path}`; an empty list where the server has no such thing.

    :raises NotAskable: no answer, a refusal, or nonsense
    """
    connection = _connection(access)
    # Without it, Jupyter would take the question for use, and not shut itself down when it is told to.
    url = f"{access.base_url}api/{path}?no_track_activity=1"
    try:
        connection.request("GET", url, headers={"Authorization": f"token {access.token}"})
        answer = connection.getresponse()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return []
        if answer.status != http.HTTPStatus.OK:
            raise NotAskable(f"it answers {answer.status} {answer.reason}"[:60])
        body = answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotAskable(f"it does not answer: {error or type(error).__name__}"[:120]) from error
    finally:
        connection.close()
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAskable("its answer is no JSON") from error


def _connection(access: Access) -> http.client.HTTPConnection:
    if not access.is_secure:
        return http.client.HTTPConnection(access.host, access.port, timeout=LIMIT_SECONDS)
    # Its certificate is made out to a name that people use, and this is the same machine.
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(access.host, access.port, timeout=LIMIT_SECONDS, context=unverified)
