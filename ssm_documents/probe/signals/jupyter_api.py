"""The HTTP API of a Jupyter server: requests that do not count as activity, and messages to its users."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ssm_documents.probe.signals.jupyter_servers import Access, SilentServer, UnreachableServer

LIMIT_SECONDS = 2.0
"""Limit for a whole answer, because a server could send one byte now and then, forever."""

MAX_BYTES = 1_048_576
"""Enough for thousands of kernels. A longer answer is cut, and then is not JSON."""


def get(access: Access, path: str, *, may_be_missing: bool = False) -> Any:
    """Return the JSON at a path of the server.

    :param may_be_missing: return an empty list if the server has no such path
    :raises UnreachableServer: no answer, an error response, or no JSON
    """
    # Otherwise the request would count as activity, and Jupyter would not shut itself down when it is configured to.
    status, body = _exchange(access, "GET", f"{path}?no_track_activity=1")
    if status == http.HTTPStatus.NOT_FOUND:
        if may_be_missing:
            return []
        raise UnreachableServer("it does not have this path")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreachableServer("its answer is not JSON") from error


def post(access: Access, path: str, message: Any) -> None:
    """Post JSON to a path of the server.

    :raises UnreachableServer: no answer, an error response, or no such path
    """
    status, _ = _exchange(access, "POST", path, json.dumps(message).encode())
    if status == http.HTTPStatus.NOT_FOUND:
        raise UnreachableServer("it does not have this path")


def _exchange(access: Access, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    """Return the status (success or 404) and the body."""
    headers = {"Authorization": f"token {access.token}", "Content-Type": "application/json"}
    try:
        with _open_connection(access) as connection:
            connection.request(method, f"{access.base_url}{path}", body=content, headers=headers)
            with connection.getresponse() as response:
                if response.status // 100 != 2 and response.status != http.HTTPStatus.NOT_FOUND:
                    raise UnreachableServer(f"it answers {response.status} {response.reason}"[:60])
                return response.status, response.read(MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SilentServer(f"it does not answer: {error or type(error).__name__}"[:120]) from error


@contextmanager
def _open_connection(access: Access) -> Iterator[http.client.HTTPConnection]:
    """Open a connection that is shut down when the limit is over."""
    connection = http.client.HTTPConnection(access.host, access.port, timeout=LIMIT_SECONDS)
    connection.connect()
    sock = connection.sock.dup()
    timer = threading.Timer(LIMIT_SECONDS, _shut_down, (sock,))
    timer.daemon = True
    timer.start()
    try:
        if access.is_secure:
            connection.sock = _build_ssl_context().wrap_socket(connection.sock)
        yield connection
    finally:
        timer.cancel()
        sock.close()
        connection.close()


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _build_ssl_context() -> ssl.SSLContext:
    """Return a context without verification: the certificate has another name, but the server is on this instance."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
