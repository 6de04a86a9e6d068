"""Send signed webhooks to URLs that people have set.

Headers and signature follow Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.common.untrusted_text import MASK

READ_TIMEOUT_SECONDS = 5.0
"""The longest time between two bytes of a receiver's response."""

TOTAL_TIMEOUT_SECONDS = 8.0
"""The longest duration of an attempt, even if a receiver responds byte by byte. A sweep has one minute in all."""

KEY_PREFIX = "whsec_"

BLOCKED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "2002::/16", "2001::/32", "::ffff:0:0/96", "192.0.0.0/24")
)
"""Networks that Python calls global, but whose addresses may contain a private IPv4 address."""


def _resolve_address(host: str, port: int) -> str:
    """Return an address of a host."""
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


@dataclass(frozen=True)
class WebhookSender:
    """Posts messages to URLs that people have set.

    :param allow_private: allow plain http and addresses of private networks. Never on AWS: users must not reach what
        listens there, such as the metadata service and Lambda's runtime API.
    :param wall_clock: returns real time, which receivers compare with their own
    :param resolve: returns the address of a host name and port
    :param ca_certs: a file of trusted certificate authorities; None for those of the system
    :param total_timeout_seconds: the longest duration of an attempt
    """

    allow_private: bool = False
    wall_clock: Callable[[], float] = time.time
    resolve: Callable[[str, int], str] = _resolve_address
    ca_certs: str | None = None
    total_timeout_seconds: float = TOTAL_TIMEOUT_SECONDS

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        """Deliver one message. Receivers may drop another message with the same id.

        :param secret: "whsec_" and base64
        :returns: the result, with the receiver's status
        :raises DeliveryFailed: the receiver did not accept the message
        """
        headers = {
            "content-type": "application/json",
            "user-agent": "gpudesk",
            "host": urlsplit(url).netloc,
            **build_signature_headers(secret, message_id, int(self.wall_clock()), body),
        }
        path = _build_request_path(url)
        try:
            status = self._send(self._connect(url), path, body, headers)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            # The path of a webhook is often its secret.
            problem = str(error) if path == "/" else str(error).replace(path, f"/{MASK}")
            raise DeliveryFailed(f"The receiver was not reached: {type(error).__name__}: {problem}") from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"The receiver responded with status {status}.")
        return f"The receiver responded with status {status}."

    def _send(self, connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send the message and return the status of the response. Its body is not read, because it may be endless."""
        is_cut = threading.Event()
        timer = threading.Timer(self.total_timeout_seconds, _cut_connection, (connection, is_cut))
        timer.start()
        try:
            connection.request("POST", path, body=body, headers=headers, preload_content=False)
            return connection.getresponse().status
        except (HTTPError, HTTPException, OSError) as error:
            if is_cut.is_set():
                raise TimeoutError(f"no response within {self.total_timeout_seconds:g} s") from error
            raise
        finally:
            timer.cancel()
            connection.close()

    def _connect(self, url: str) -> HTTPConnection:
        """Return a connection to an address that was checked, so that the host name is not resolved a second time.

        :raises DeliveryFailed: the URL is not allowed
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not self.allow_private:
            raise DeliveryFailed("The URL does not begin with https://.")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self.resolve(host, port)
        if not (self.allow_private or is_public(address)):
            raise DeliveryFailed(f"{host} does not have a public address.")
        if parts.scheme == "http":
            return HTTPConnection(address, port, timeout=READ_TIMEOUT_SECONDS)
        return HTTPSConnection(
            address,
            port,
            timeout=READ_TIMEOUT_SECONDS,
            cert_reqs="CERT_REQUIRED",
            server_hostname=host,
            assert_hostname=host,
            ca_certs=self.ca_certs,
        )


def is_public(address: str) -> bool:
    """Return whether an address may belong to a webhook: global, not multicast, without an embedded IPv4 address.

    NAT64, 6to4, Teredo and mapped addresses contain an IPv4 address:
    https://www.iana.org/assignments/iana-ipv6-special-registry
    """
    ip = ipaddress.ip_address(address)
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in BLOCKED_NETWORKS)


def _cut_connection(connection: HTTPConnection, is_cut: threading.Event) -> None:
    """Shut the connection down, so that no read or write waits for it any longer."""
    is_cut.set()
    open_socket = connection.sock
    if open_socket is not None:
        with suppress(OSError):
            open_socket.shutdown(socket.SHUT_RDWR)


def build_signature_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the three headers that prove who sent a message, and when.

    :param timestamp: seconds since 1970
    """
    key = base64.b64decode(secret.removeprefix(KEY_PREFIX))
    text = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def derive_secret(master: bytes, name: str, generation: int) -> str:
    """Return the secret of a webhook. It is derived from the master key at each use, and stored nowhere.

    :param name: the owner of the webhook ("owner/ada", "desk")
    :param generation: how often the webhook was set; each time it gets another secret
    """
    digest = hmac.new(master, f"webhook/{name}/{generation}".encode(), hashlib.sha256).digest()
    return KEY_PREFIX + base64.b64encode(digest).decode()


def _build_request_path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
