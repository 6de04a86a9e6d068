"""Signed webhooks as other bots can receive them.

The Standard Webhooks' headers and signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from chalicelib.domain.errors import NotDelivered

LIMIT = urllib3.Timeout(connect=3, read=5)
"""Of one try; the sweep has a minute for everything."""

PREFIX = "whsec_"


def _resolved(host: str, port: int) -> str:
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


@dataclass(frozen=True)
class Webhook:
    """Posts messages to URLs that people have set.

    :param may_be_local: whether plain http and addresses of private networks are allowed; on AWS they are not, because
        what listens there (the metadata service, Lambda's own runtime API) is not for our users to talk to
    :param seconds: real time, which receivers compare with their own
    :param resolve: the address that a host name stands for now
    :param ca_certs: a file of the authorities to trust; None: those of the system
    """

    may_be_local: bool = False
    seconds: Callable[[], float] = time.time
    resolve: Callable[[str, int], str] = _resolved
    ca_certs: str | None = None

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
            **signed(secret, message_id, int(self.seconds()), body),
        }
        try:
            with self._pool(url) as pool:
                answer = pool.request("POST", _path(url), body=body, headers=headers, redirect=False, retries=False)
        except (HTTPError, OSError, ValueError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"it answered {answer.status}")
        return f"it answered {answer.status}"

    def _pool(self, url: str) -> urllib3.HTTPConnectionPool:
        """Connects to the very address that was looked at, so that a name cannot lead elsewhere a moment later."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not self.may_be_local:
            raise NotDelivered("the URL is not https")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self.resolve(host, port)
        if not (self.may_be_local or ipaddress.ip_address(address).is_global):
            raise NotDelivered(f"{host} is not a public address")
        if parts.scheme == "http":
            return urllib3.HTTPConnectionPool(address, port, timeout=LIMIT)
        return urllib3.HTTPSConnectionPool(
            address, port, timeout=LIMIT, server_hostname=host, assert_hostname=host, ca_certs=self.ca_certs
        )


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
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


def secret_of(master: bytes, name: str, number: int) -> str:
    """The secret of a webhook: made of the desk's key whenever it is needed, and kept nowhere.

    :param name: whose webhook it is
    :param number: another one is another secret
    """
    made = hmac.new(master, f"webhook/{name}/{number}".encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(made).decode()


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
