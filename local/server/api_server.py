"""The API over HTTP on this machine, for `make run` and tests: the app behind what API Gateway would be.

`chalice local` answers unknown methods with pages of HTML, takes a Content-Length at its word and queues five
connections; this server speaks problem details to whatever comes in and stays in step on connections that are kept.
"""

import contextlib
import logging
import re
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from chalice.app import Chalice

from chalicelib.api.validation import MAX_BODY_BYTES
from local.server.api_gateway import Gateway, Reply, refusal

LOG = logging.getLogger(__name__)

MAX_LINE_LENGTH = 65536
IDLE_SECONDS = 60.0

MAX_DISCARDED = 10 * 1024 * 1024
"""A client that sends too much is listened to so far (API Gateway's own limit), so that it reads our refusal."""
DISCARD_SECONDS = 2.0


class BadRequest(Exception):
    """The request cannot be read to its end, so the connection ends with the answer."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: "_Server"
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        """Read a request, answer it; any method is as good as another here."""
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
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line is too long")
            return
        if not self.parse_request():
            return
        try:
            headers, body = self._headers(), self._body()
        except BadRequest as problem:
            self._refuse(problem)
        else:
            self._reply(self.server.gateway.answer(self.command, self.path, headers, body))

    def _headers(self) -> dict[str, str]:
        """:raises BadRequest: a header that must be said once is said twice"""
        if self.request_version == "HTTP/0.9":
            raise BadRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "speak HTTP/1.1")
        for name in ("content-length", "content-type", "authorization", "idempotency-key", "host"):
            if len(self.headers.get_all(name, ())) > 1:
                raise BadRequest(HTTPStatus.BAD_REQUEST, f"the header {name} is given more than once")
        return dict(self.headers.items())

    def _body(self) -> bytes:
        """:raises BadRequest: its length is not said, makes no sense, or is too much"""
        if "transfer-encoding" in self.headers:
            raise BadRequest(HTTPStatus.LENGTH_REQUIRED, "say the body's Content-Length; chunks are not taken")
        declared = self.headers.get("content-length", "0").strip()
        if not re.fullmatch(r"[0-9]{1,18}", declared):
            raise BadRequest(HTTPStatus.BAD_REQUEST, "the Content-Length must be a number of bytes")
        length = int(declared)
        if length > MAX_BODY_BYTES:
            detail = f"The body has {length} bytes. The maximum is {MAX_BODY_BYTES}."
            raise BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        if length and self.headers.get("expect", "").lower() == "100-continue":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
            self.wfile.flush()
        body = self.rfile.read(length)
        if len(body) < length:
            raise BadRequest(HTTPStatus.BAD_REQUEST, f"the body ended after {len(body)} of {length} bytes")
        return body

    def handle_expect_100(self) -> bool:
        """Later, when the body is wanted."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class finds wrong: a request line or headers that make no sense."""
        self._refuse(BadRequest(HTTPStatus(code), explain or message or "the request makes no sense"))

    def _refuse(self, problem: BadRequest) -> None:
        self.request_version = self.protocol_version
        self.close_connection = True
        self._reply(refusal(problem.status, problem.detail))
        self._discard()

    def _reply(self, reply: Reply) -> None:
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

    def _discard(self) -> None:
        """A connection that is closed on unread bytes is reset, and the answer may be lost with it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(DISCARD_SECONDS)
            left = MAX_DISCARDED
            while left > 0 and (read := self.rfile.read1(min(left, 65536))):
                left -= len(read)

    def version_string(self) -> str:
        return "gpudesk"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        LOG.debug(format, *args)


class _Server(socketserver.ThreadingTCPServer):
    """A thread per connection; all of them end with the server."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], gateway: Gateway) -> None:
        self.gateway = gateway
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's name
        LOG.exception("a connection from %s failed", client_address)

    def hang_up(self) -> None:
        """End connections that are kept open."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class ApiServer:
    """Binds at once; serves between `start` and `stop`, in the background.

    :param port: 0 for a free one
    :raises OSError: the port is taken
    """

    def __init__(self, app: Chalice, port: int = 0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._server = _Server((host, port), Gateway(app))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="api", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, and hang up."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
