"""Calls of the plugin: open the data channel, resume and end the session. Every call is signed."""

import json
import socket
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.plugin.credentials import NoCredentials
from local.plugin.signing import Request, SigningKey, sign

HOST = "127.0.0.1"
CONNECT_SECONDS = 10


class ChannelRefused(Exception):
    """The service did not open the data channel; the text is its answer."""


@dataclass(frozen=True)
class OpenChannel:
    """An open data channel.

    :param received: number of the last frame that the service has received
    """

    connection: socket.socket
    session_type: str
    properties: Mapping[str, str]
    received: int


@dataclass
class SessionClient:
    """The laptop's end of one session.

    :param endpoint_url: endpoint of SSM
    :param load_key: returns the present credentials, or raises NoCredentials; called before each request
    """

    session_id: str
    stream_url: str
    token: str
    region: str
    endpoint_url: str
    load_key: Callable[[], SigningKey]

    def open_channel(self, received: int) -> OpenChannel:
        """Open the data channel. Without credentials the request is not signed, as in the real plugin.

        The real plugin connects to the host of the URL. The port of the local cloud is in the query.

        :param received: number of the last frame that the plugin has received
        :raises ChannelRefused: the service refused
        :raises OSError: the service cannot be reached
        """
        url = urlsplit(self.stream_url)
        port = int(parse_qs(url.query)["local_port"][0])
        connection = socket.create_connection((HOST, port), timeout=CONNECT_SECONDS)
        try:
            return self._shake_hands(connection, f"{url.path}?{url.query}", received)
        except (OSError, ValueError, ChannelRefused):
            connection.close()
            raise

    def _shake_hands(self, connection: socket.socket, path: str, received: int) -> OpenChannel:
        headers = {"connection": "Upgrade", "upgrade": "websocket", **self._sign_get()}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        status = _read_line(connection)
        while _read_line(connection):
            pass
        if " 101 " not in status:
            raise ChannelRefused(status.partition(" ")[2])
        connection.sendall(json.dumps({"TokenValue": self.token, "Received": received}).encode() + b"\n")
        answer = json.loads(_read_line(connection) or "{}")
        if "SessionType" not in answer:
            raise ChannelRefused(answer.get("Error", "The service closed the data channel."))
        connection.settimeout(None)
        return OpenChannel(connection, answer["SessionType"], answer["Properties"], answer["Received"])

    def resume(self) -> None:
        """Get the token for another data channel.

        :raises NoCredentials: there are none
        :raises OSError: the service refused, or cannot be reached
        """
        self.token = self._call("ResumeSession")["TokenValue"]

    def terminate(self) -> None:
        """End the session.

        :raises NoCredentials: there are none
        :raises OSError: the service refused, or cannot be reached
        """
        self._call("TerminateSession")

    def _sign_get(self) -> dict[str, str]:
        request = Request("GET", self.stream_url, {})
        try:
            key = self.load_key()
        except NoCredentials:
            return {"host": urlsplit(self.stream_url).netloc}
        return sign(request, key, self.region, "ssmmessages", _format_now())

    def _call(self, operation: str) -> Any:
        body = json.dumps({"SessionId": self.session_id}).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AmazonSSM.{operation}"}
        request = Request("POST", f"{self.endpoint_url.rstrip('/')}/", headers, body)
        signed = sign(request, self.load_key(), self.region, "ssm", _format_now())
        call = urllib.request.Request(request.url, body, signed, method="POST")
        with urllib.request.urlopen(call, timeout=CONNECT_SECONDS) as response:
            return json.loads(response.read())


def _format_now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _read_line(connection: socket.socket) -> str:
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return line.decode().strip()
