"""Signed webhooks as other bots can receive them.

The Standard Webhooks' headers and signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
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

READ_TIMEOUT_SECONDS = 5.0
"""So long a receiver may say nothing."""

TOTAL_TIMEOUT_SECONDS = 8.0
"""So long one try may take, also where a receiver drips its answer; the sweep has a minute for everything."""

PREFIX = "whsec_"

BLOCKED_NETWORKS = tuple(
    ipaddress.ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "2001::/32", "::ffff:0:0/96", "192.0.0.0/24")
)
"""Global as far as Python knows, and a way to private ones."""


def _resolved(host: str, port: int) -> str:
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


@dataclass(frozen=True)
class WebhookSender:
    """Posts messages to URLs that people have set.

    :param allow_private: whether plain http and addresses of private networks are allowed; on AWS they are not, because
        what listens there (the metadata service, Lambda's own runtime API) is not for our users to talk to
    :param wall_clock: real time, which receivers compare with their own
    :param resolve: the address that a host name stands for now
    :param ca_certs: a file of the authorities to trust; None: those of the system
    :param total_timeout_seconds: so long one try may take
    """

    allow_private: bool = False
    wall_clock: Callable[[], float] = time.time
    resolve: Callable[[str, int], str] = _resolved
    ca_certs: str | None = None
    total_timeout_seconds: float = TOTAL_TIMEOUT_SECONDS

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        """Deliver one message; the same id again is the same message, which receivers may drop.

        :param secret: "whsec_" and base64
        :returns: what was answered
        :raises NotDelivered: it was not taken
        """
        headers = {
            "content-type": "application/json",
            "user-agent": "gpudesk",
            "host": urlsplit(url).netloc,
            **signature_headers(secret, message_id, int(self.wall_clock()), body),
        }
        try:
            status = self._status(self._connection(url), _path(url), body, headers)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"it answered {status}")
        return f"it answered {status}"

    def _status(self, connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Of the answer, whose body is not read: it may have no end."""
        is_over = threading.Event()
        limit = threading.Timer(self.total_timeout_seconds, _cut, (connection, is_over))
        limit.start()
        try:
            connection.request("POST", path, body=body, headers=headers, preload_content=False)
            return connection.getresponse().status
        except (HTTPError, HTTPException, OSError) as error:
            if is_over.is_set():
                raise TimeoutError(f"no answer within {self.total_timeout_seconds:g} s") from error
            raise
        finally:
            limit.cancel()
            connection.close()

    def _connection(self, url: str) -> HTTPConnection:
        """To the very address that was looked at, so that a name cannot lead elsewhere a moment later."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not self.allow_private:
            raise DeliveryFailed("the URL is not https")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self.resolve(host, port)
        if not (self.allow_private or is_public(address)):
            raise DeliveryFailed(f"{host} is not a public address")
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
    """Whether an address may lead to somebody's bot: of the internet, one receiver's, and no IPv4 address in disguise.

    https://www.iana.org/assignments/iana-ipv6-special-registry: NAT64, 6to4, Teredo and mapped addresses each hold one.
    """
    ip = ipaddress.ip_address(address)
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in BLOCKED_NETWORKS)


def _cut(connection: HTTPConnection, is_over: threading.Event) -> None:
    """Whatever waits for that connection waits no longer."""
    is_over.set()
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def signature_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The three headers that prove where a message comes from, and when it was sent.

    :param timestamp: seconds since 1970
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    text = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def derive_secret(master: bytes, name: str, number: int) -> str:
    """The secret of a webhook: made of the desk's key whenever it is needed, and kept nowhere.

    :param name: whose webhook it is
    :param number: another one is another secret
    """
    made = hmac.new(master, f"webhook/{name}/{number}".encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(made).decode()


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
