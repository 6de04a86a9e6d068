"""One Jupyter server's API: short questions that do not count as its use, and messages to its people."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ssm_documents.probe.signals.jupyter_servers import Access, UnreachableServer

LIMIT_SECONDS = 2.0
"""For a whole answer: a server that sends a byte now and then would keep us for as long as it likes."""

MAX_BYTES = 1_048_576
"""Thousands of kernels; what is longer is cut, and then no JSON."""


def get(access: Access, path: str, *, may_be_missing: bool = False) -> Any:
    """The JSON at this path of the server.

    :param may_be_missing: then it is an empty list where the server has no such thing
    :raises NotAskable: no answer, a refusal, or nonsense
    """
    # Without it, Jupyter would take the question for use, and not shut itself down when it is told to.
    status, body = _exchange(access, "GET", f"{path}?no_track_activity=1")
    if status == http.HTTPStatus.NOT_FOUND:
        if may_be_missing:
            return []
        raise UnreachableServer("it has no such thing")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreachableServer("its answer is no JSON") from error


def post(access: Access, path: str, message: Any) -> None:
    """Post JSON to this path of the server.

    :raises NotAskable: no answer, a refusal, or no such path
    """
    status, _ = _exchange(access, "POST", path, json.dumps(message).encode())
    if status == http.HTTPStatus.NOT_FOUND:
        raise UnreachableServer("it has no such thing")


def _exchange(access: Access, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    """Status, of success or that nothing is there, and what came with it."""
    headers = {"Authorization": f"token {access.token}", "Content-Type": "application/json"}
    try:
        with _connected(access) as connection:
            connection.request(method, f"{access.base_url}{path}", body=content, headers=headers)
            answer = connection.getresponse()
            if answer.status // 100 != 2 and answer.status != http.HTTPStatus.NOT_FOUND:
                raise UnreachableServer(f"it answers {answer.status} {answer.reason}"[:60])
            return answer.status, answer.read(MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnreachableServer(f"it does not answer: {error or type(error).__name__}"[:120]) from error


@contextmanager
def _connected(access: Access) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut off when the limit is over."""
    connection = http.client.HTTPConnection(access.host, access.port, timeout=LIMIT_SECONDS)
    connection.connect()
    line = connection.sock.dup()
    end = threading.Timer(LIMIT_SECONDS, _cut_off, (line,))
    end.daemon = True
    end.start()
    try:
        if access.is_secure:
            connection.sock = _unverified().wrap_socket(connection.sock)
        yield connection
    finally:
        end.cancel()
        line.close()
        connection.close()


def _cut_off(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _unverified() -> ssl.SSLContext:
    """Its certificate is made out to a name that people use, and this is the same machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
