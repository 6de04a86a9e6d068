"""Webhook receiver on this computer, which verifies signatures as every receiver should."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

HOST = "127.0.0.1"
SHUTDOWN_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Message:
    """One received message.

    :param is_signed: whether it has a valid signature with the receiver's secret
    """

    id: str
    type: str
    data: dict[str, Any]
    is_signed: bool


class WebhookReceiver:
    """Server on the loopback address that answers every message with 204."""

    def __init__(self) -> None:
        """Create a receiver that does not listen yet."""
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._secret: str | None = None
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> str:
        """Listen on a free port.

        :returns: URL to set as a webhook
        """
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver.receive(body, headers))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="webhook receiver", daemon=True
        ).start()
        return f"http://{HOST}:{self._server.server_address[1]}/gpudesk"

    def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def set_secret(self, secret: str) -> None:
        """Set the secret that gpudesk returned when the webhook was set."""
        self._secret = secret

    def list_messages(self, message_type: str | None = None) -> list[Message]:
        """Return the messages of one type, or all if the type is None."""
        with self._lock:
            return [message for message in self._messages if message_type in (None, message.type)]

    def receive(self, body: bytes, headers: dict[str, str]) -> int:
        """Store a message and whether its signature is valid.

        :returns: HTTP status of the response
        """
        fields = json.loads(body)
        message = Message(headers["webhook-id"], fields["type"], fields["data"], self._is_signed(body, headers))
        with self._lock:
            self._messages.append(message)
        return 204

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        if self._secret is None:
            return False
        try:
            Webhook(self._secret).verify(body, headers)
        except WebhookVerificationError:
            return False
        return True
