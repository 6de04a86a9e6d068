"""A pretend bot's end of a webhook: takes what the desk posts, and checks each signature as a receiver should."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Message:
    """One message.

    :param is_signed: by the secret that the inbox was told
    """

    id: str
    type: str
    data: dict[str, Any]
    is_signed: bool


class WebhookReceiver:
    """A server on loopback that answers 204."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._secret: str | None = None
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> str:
        """Listen.

        :returns: the URL to set as a webhook
        """
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(inbox.receive(body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="inbox", daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/gpudesk"

    def stop(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def add_secret(self, secret: str) -> None:
        """What the desk showed when the webhook was set."""
        self._secret = secret

    def messages(self, kind: str | None = None) -> list[Message]:
        """All so far, or those of one type."""
        with self._lock:
            return [message for message in self._messages if kind in (None, message.type)]

    def receive(self, body: bytes, headers: dict[str, str]) -> int:
        """Check the signature of a message and store it.

        :returns: the HTTP status to answer with
        """
        plain = json.loads(body)
        message = Message(headers["webhook-id"], plain["type"], plain["data"], self._is_signed(body, headers))
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
