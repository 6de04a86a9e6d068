"""One Jupyter server's API: short questions that do not count as its use, and messages to its people."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from ssm_documents.probe.signals.jupyter_servers import Access, NotAskable

LIMIT_SECONDS = 2.0

MOST_BYTES = 1_048_576
"""Thousands of kernels; what is longer is cut, and then no JSON."""


def ask(access: Access, path: str, *, may_be_missing: bool = False) -> Any:
    """The JSON at this path of the server.

    :param may_be_missing: then it is an empty list where the server has no such thing
    :raises NotAskable: no answer, a refusal, or nonsense
    """
    # Without it, Jupyter would take the question for use, and not shut itself down when it is told to.
    status, body = _exchange(access, "GET", f"{path}?no_track_activity=1")
    if status == http.HTTPStatus.NOT_FOUND:
        if may_be_missing:
            return []
        raise NotAskable("it has no such thing")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAskable("its answer is no JSON") from error


def tell(access: Access, path: str, message: Any) -> None:
    """Post JSON to this path of the server.

    :raises NotAskable: no answer, a refusal, or no such path
    """
    status, _ = _exchange(access, "POST", path, json.dumps(message).encode())
    if status == http.HTTPStatus.NOT_FOUND:
        raise NotAskable("it has no such thing")


def _exchange(access: Access, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    """Status, of success or that nothing is there, and what came with it."""
    connection = _connection(access)
    headers = {"Authorization": f"token {access.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, f"{access.base_url}{path}", body=content, headers=headers)
        answer = connection.getresponse()
        if answer.status // 100 != 2 and answer.status != http.HTTPStatus.NOT_FOUND:
            raise NotAskable(f"it answers {answer.status} {answer.reason}"[:60])
        return answer.status, answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotAskable(f"it does not answer: {error or type(error).__name__}"[:120]) from error
    finally:
        connection.close()


def _connection(access: Access) -> http.client.HTTPConnection:
    if not access.is_secure:
        return http.client.HTTPConnection(access.host, access.port, timeout=LIMIT_SECONDS)
    # Its certificate is made out to a name that people use, and this is the same machine.
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(access.host, access.port, timeout=LIMIT_SECONDS, context=unverified)
