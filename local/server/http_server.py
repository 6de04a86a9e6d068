"""HTTP/1.1 server that behaves like API Gateway: problem details for every bad request, persistent connections.

No existing server does this. `chalice local` answers unknown methods with HTML, trusts any Content-Length and queues
only five connections. werkzeug's handler closes the connection after each response, sends `100 Continue` before it
checks the length of the body, and joins repeated headers; the tests of the HTTP protocol forbid all three.
"""

import contextlib
import logging
import re
import socket
import socketserver
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from local.server.api_gateway import Reply, RequestGateway, build_rejection

logger = logging.getLogger(__name__)

MAX_LINE_LENGTH = 65536
IDLE_TIMEOUT_SECONDS = 60.0

MAX_DISCARDED_BYTES = 10 * 1024 * 1024
"""Limit of the bytes that are read of a too large body, so that the client can read the response; as in API Gateway."""
DISCARD_TIMEOUT_SECONDS = 2.0

SINGLE_HEADERS = ("content-length", "content-type", "authorization", "idempotency-key", "host")
"""Headers that may occur only once in a request."""


class BadRequest(Exception):
    """Request that cannot be read to its end. The connection is closed after the response.

    :ivar reply: the response
    """

    def __init__(self, reply: Reply) -> None:
        """Create the error."""
        super().__init__(f"The response has the status {reply.status}.")
        self.reply = reply


class _RequestHandler(BaseHTTPRequestHandler):
    """Handler of one connection."""

    server: "HttpServer"
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        """Read one request with any method and answer it."""
        try:
            self.raw_requestline = self.rfile.readline(MAX_LINE_LENGTH + 1)
            if not self.raw_requestline:
                self.close_connection = True
                return
            self._handle()
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _handle(self) -> None:
        self.command, self.requestline, self.request_version = "", "", self.protocol_version
        if len(self.raw_requestline) > MAX_LINE_LENGTH:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG, "The request line is too long.")
            return
        if not self.parse_request():
            return
        try:
            headers, body = self._read_headers(), self._read_body()
        except BadRequest as problem:
            self._reject(problem.reply)
        else:
            self._send_reply(self.server.gateway.handle(self.command, self.path, headers, body))

    def _read_headers(self) -> dict[str, str]:
        """Return the headers.

        :raises BadRequest: a header that may occur once occurs twice
        """
        if self.request_version == "HTTP/0.9":
            raise BadRequest(
                build_rejection(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/0.9 is not supported. Use HTTP/1.1.")
            )
        for name in SINGLE_HEADERS:
            if len(self.headers.get_all(name, ())) > 1:
                raise BadRequest(build_rejection(HTTPStatus.BAD_REQUEST, f"The header {name} occurs more than once."))
        return dict(self.headers.items())

    def _read_body(self) -> bytes:
        """Return the body.

        :raises BadRequest: the length of the body is missing, invalid or too large
        """
        length = self._read_content_length()
        if length and self.headers.get("expect", "").lower() == "100-continue":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
            self.wfile.flush()
        body = self.rfile.read(length)
        if len(body) < length:
            raise BadRequest(
                build_rejection(HTTPStatus.BAD_REQUEST, f"The body ended after {len(body)} of {length} bytes.")
            )
        return body

    def _read_content_length(self) -> int:
        if "transfer-encoding" in self.headers:
            detail = "Send the body with a Content-Length. Chunked bodies are not supported."
            raise BadRequest(build_rejection(HTTPStatus.LENGTH_REQUIRED, detail))
        declared = self.headers.get("content-length", "0").strip()
        if not re.fullmatch(r"[0-9]{1,18}", declared):
            raise BadRequest(build_rejection(HTTPStatus.BAD_REQUEST, "The Content-Length must be a number of bytes."))
        length = int(declared)
        if length > self.server.gateway.max_body_bytes:
            raise BadRequest(self.server.gateway.refuse_body(length))
        return length

    def handle_expect_100(self) -> bool:
        """Postpone `100 Continue` until the length of the body is checked."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Reject a request line or headers that the base class cannot parse."""
        detail = explain or message or "The request is malformed"
        self._reject(build_rejection(HTTPStatus(code), f"{detail.rstrip('.')}."))

    def _reject(self, reply: Reply) -> None:
        self.request_version = self.protocol_version
        self.close_connection = True
        self._send_reply(reply)
        self._discard_input()

    def _send_reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        elif self.request_version == "HTTP/1.0":
            self.send_header("Connection", "keep-alive")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _discard_input(self) -> None:
        """Read the rest of what the client sends.

        TCP resets a connection that is closed with unread bytes, and the client could lose the response.
        """
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(DISCARD_TIMEOUT_SECONDS)
            remaining = MAX_DISCARDED_BYTES
            while remaining > 0 and (chunk := self.rfile.read1(min(remaining, 65536))):
                remaining -= len(chunk)

    def version_string(self) -> str:
        """Return the Server header."""
        return "gpudesk"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name in the base class
        """Log at debug level."""
        logger.debug(format, *args)


class HttpServer(socketserver.ThreadingTCPServer):
    """Server with one thread per connection. The threads end with the server.

    :param gateway: gateway that answers the requests
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], gateway: RequestGateway) -> None:
        """Listen on the address."""
        self.gateway = gateway
        self._connections: set[socket.socket] = set()
        super().__init__(address, _RequestHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - signature of the base class
        """Log the exception of a connection."""
        logger.exception("A connection from %s failed.", client_address)

    def close_connections(self) -> None:
        """Close the connections that clients keep open."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
