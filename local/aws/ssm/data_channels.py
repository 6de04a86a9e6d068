"""Data channels: the connections over which the plugin and the instance exchange the bytes of a session.

On AWS they are websockets of `ssmmessages`. Here they are connections to a port of this computer, which begin with the
same signed request and then use the frames of `local/plugin/streams.py`. The port is in the query of the stream's URL.
"""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from local.aws.core.errors import CloudError
from local.aws.core.faults import DroppedResponse, Fault, Faults, Hang, Rejection
from local.aws.core.request_interceptor import HANG_SECONDS
from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import ROLE_KEY_PREFIX, Enforcement
from local.aws.ssm.session import LOOPBACK, Session
from local.machines.host.interface import Machines
from local.plugin.signing import AUTHORIZATION, Request, compute_signature

OPERATION = "OpenDataChannel"
PATH = re.compile(r"/v1/data-channel/(?P<session>[^?/]+)\?.*")
MAX_REQUEST_BYTES = 65_536
HANDSHAKE_SECONDS = 10


class DataChannels:
    """Listener for data channels. It listens from the first session on.

    :param lock: lock of all services but DynamoDB
    :param now: returns the cloud's time
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        machines: Machines,
        lock: AbstractContextManager[Any],
        faults: Faults,
        enforcement: Enforcement,
    ) -> None:
        """Create it without a listener."""
        self._now = now
        self._machines = machines
        self._lock = lock
        self._faults = faults
        self._enforcement = enforcement
        self._listener: socket.socket | None = None
        self._closed = threading.Event()

    def listen(self, sessions: Mapping[str, Session]) -> int:
        """Return the port. The first call opens it."""
        if self._listener is None:
            self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
            arguments = (self._listener, sessions)
            threading.Thread(target=self._accept, args=arguments, name="data channels", daemon=True).start()
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Close the port and end the requests that hang. Open channels are closed with their sessions."""
        self._closed.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket, sessions: Mapping[str, Session]) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection, sessions), daemon=True).start()

    def _serve(self, connection: socket.socket, sessions: Mapping[str, Session]) -> None:
        connection.settimeout(HANDSHAKE_SECONDS)
        with contextlib.suppress(OSError, ValueError), connection:
            path, headers = _read_request(connection)
            match = PATH.fullmatch(path)
            session = sessions.get(match["session"]) if match else None
            fault = self._faults.take(OPERATION)
            if isinstance(fault, Hang):
                self._closed.wait(HANG_SECONDS)
                return
            try:
                if isinstance(fault, Rejection):
                    raise fault.build_error(None)
                with self._lock:
                    self._check(session, path, headers)
            except CloudError as error:
                connection.sendall(f"HTTP/1.1 {error.status or 400} {error.code}: {error.message}\r\n\r\n".encode())
                return
            assert session is not None
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
            if not session.is_served:
                self._closed.wait(HANG_SECONDS)
                return
            self._exchange(connection, session, fault)

    def _check(self, session: Session | None, path: str, headers: Mapping[str, str]) -> None:
        """Check a request that opens a channel.

        :raises CloudError: no session, or the request is not signed by the session's identity
        """
        if session is None or session.ended_at is not None:
            raise CloudError("DoesNotExistException", "The session does not exist.", status=404)
        match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise CloudError("MissingAuthenticationToken", "The request is not signed.", status=403)
        if not match["key"].startswith(ROLE_KEY_PREFIX):
            return
        role = self._enforcement.roles.find(match["key"])
        if role is None or headers.get("x-amz-security-token") != role.session_token:
            raise CloudError("UnrecognizedClientException", "The security token is invalid.", status=403)
        region, account = session.tracked.region, session.tracked.account
        request = Request("GET", f"wss://{headers.get('host', '')}{path}", headers)
        expected = compute_signature(request, match["headers"], role.secret_access_key, region, "ssmmessages")
        if match["signature"] != expected:
            raise CloudError("InvalidSignatureException", "The signature does not match.", status=403)
        call = Call("ssmmessages", OPERATION, {"SessionId": session.session_id}, region, account)
        self._enforcement.check(role, call)
        if session.user_id != role.user_id:
            raise CloudError("AccessDeniedException", "Another identity has started the session.", status=403)

    def _exchange(self, connection: socket.socket, session: Session, fault: Fault | None) -> None:
        """Exchange frames until the channel is closed. Each channel needs the token of the last Start or Resume."""
        opening = json.loads(_read_until(connection, b"\n"))
        with self._lock:
            if session.ended_at is not None or not session.token or opening.get("TokenValue") != session.token:
                connection.sendall(b'{"Error": "The token of the session is not valid."}\n')
                return
            session.token = ""
            session.close_channel()
            if isinstance(fault, DroppedResponse):
                # For the service the channel was open, but the plugin does not know.
                return
            streams = session.require_streams(self._machines)
            session.channel_opened_at = self._now()
            session.channel_count += 1
            number = session.channel_count
        answer = {
            "SessionType": session.session_type,
            "Properties": session.properties,
            "Received": streams.received,
        }
        connection.sendall(json.dumps(answer).encode() + b"\n")
        connection.settimeout(None)
        streams.serve(connection, int(opening["Received"]))
        with self._lock:
            if session.channel_count == number:
                session.channel_opened_at = None
            if session.is_complete:
                session.end(self._now())


def _read_request(connection: socket.socket) -> tuple[str, Mapping[str, str]]:
    head = _read_until(connection, b"\r\n\r\n").decode("latin-1").split("\r\n")
    headers = dict(line.partition(": ")[::2] for line in head[1:] if line)
    return head[0].split(" ")[1], {name.lower(): value for name, value in headers.items()}


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    """Return the bytes up to `end`, and read none after it.

    :raises ValueError: the connection was closed before, or there are too many bytes
    """
    found = bytearray()
    while not found.endswith(end):
        byte = connection.recv(1)
        if not byte or len(found) > MAX_REQUEST_BYTES:
            raise ValueError("The request is not complete.")
        found += byte
    return bytes(found)
