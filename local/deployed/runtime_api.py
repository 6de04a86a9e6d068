"""Runtime API of Lambda for one process of a function: it hands over one event at a time and takes the answer.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime"
SHUTDOWN_POLL_SECONDS = 0.02


class AnswerKind(StrEnum):
    """Way in which an invocation ended."""

    RESPONSE = "response"
    ERROR = "error"
    INIT_ERROR = "init_error"
    EXIT = "exit"


@dataclass(frozen=True)
class Answer:
    """A message of the process, or its end.

    :param payload: parsed JSON; None if the process has ended
    """

    kind: AnswerKind
    payload: Any = None


@dataclass(frozen=True)
class Invocation:
    """One event for the process.

    :param deadline: Unix time in seconds, on the clock of this computer
    """

    event: Mapping[str, Any]
    deadline: float
    function_arn: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RuntimeApi:
    """Server of one process. Only one invocation is under way at a time.

    :ivar answers: what the process sends
    :ivar is_initialized: set when the process asks for its first event
    """

    def __init__(self) -> None:
        """Listen on a free port of the loopback."""
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.is_initialized = threading.Event()
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="runtime api", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Return the value of AWS_LAMBDA_RUNTIME_API."""
        return f"{HOST}:{self._server.server_port}"

    def send(self, invocation: Invocation) -> None:
        """Hand an event to the process when it asks for the next one."""
        self._invocations.put(invocation)

    def take_invocation(self) -> Invocation | None:
        """Wait for the next event; None: the server stops."""
        self.is_initialized.set()
        return self._invocations.get()

    def close(self) -> None:
        """Stop listening."""
        self._invocations.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__((HOST, 0), _RequestHandler)


class _RequestHandler(BaseHTTPRequestHandler):
    """Handler of one connection of the process."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer `invocation/next` as soon as there is an event."""
        if self.path != f"{PREFIX}/invocation/next":
            self._reply(HTTPStatus.NOT_FOUND)
        elif (invocation := self.server.api.take_invocation()) is None:
            self.close_connection = True
        else:
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Content-Type": "application/json",
            }
            self._reply(HTTPStatus.OK, headers, json.dumps(invocation.event).encode())

    def do_POST(self) -> None:
        """Take an answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = _find_kind(self.path)
        self._reply(HTTPStatus.NOT_FOUND if kind is None else HTTPStatus.ACCEPTED)
        if kind is not None:
            self.server.api.answers.put(Answer(kind, json.loads(body or b"null")))

    def _reply(self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name in the base class
        """Log nothing."""


def _find_kind(path: str) -> AnswerKind | None:
    match path.removeprefix(PREFIX).strip("/").split("/"):
        case ["invocation", _, "response"]:
            return AnswerKind.RESPONSE
        case ["invocation", _, "error"]:
            return AnswerKind.ERROR
        case ["init", "error"]:
            return AnswerKind.INIT_ERROR
        case _:
            return None
