"""Instance metadata service, version 2 only: one server per machine, on a socket in the network of the machine.

The Date header of every response is on the cloud's clock. A machine reads the cloud's time there.
"""

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .access_keys import build_machine_key
from .interface import MachineSpec

ROLE = "gpudesk-dev-instance"
SSH_KEYS_PATH = "meta-data/managed-ssh-keys/active-keys"
ACCOUNT = "123456789012"
CREDENTIALS_VALID_FOR = timedelta(hours=6)
MAX_TOKEN_SECONDS = 21_600
Now = Callable[[], datetime]


class MetadataServer(ThreadingHTTPServer):
    """Metadata server of one machine.

    :param listener: listening socket in the machine's network
    :param now: returns the cloud's time
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, spec: MachineSpec, now: Now) -> None:
        """Start to serve."""
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = "metadata", 80
        self.spec = spec
        self.now = now
        self.tokens: dict[str, datetime] = {}
        self._ssh_keys: dict[str, tuple[str, datetime]] = {}
        self.interruption: tuple[str, datetime] | None = None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 60}, daemon=True).start()

    def close(self) -> None:
        """Stop at once: shutting down the socket wakes `serve_forever` before its next poll."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self.server_close()

    def issue_token(self, seconds: int) -> str:
        """Return a session token that is valid for `seconds` on the cloud's clock."""
        token = secrets.token_urlsafe(40)
        self.tokens[token] = self.now() + timedelta(seconds=seconds)
        return token

    def is_token_valid(self, token: str | None) -> bool:
        """Return whether the token is known and not expired."""
        return token in self.tokens and self.now() < self.tokens[str(token)]

    def show_ssh_key(self, user: str, key: str, until: datetime) -> None:
        """Offer a public key for a user, as EC2 Instance Connect does.

        The sshd of a real instance reads the key here when the user connects. The lines before the key are as on AWS,
        except for the signature of AWS, which is missing.
        """
        lines = (f"#Timestamp={int(until.timestamp())}", f"#Instance={self.spec.instance_id}", "#Caller=local", key)
        self._ssh_keys[user] = "\n".join(lines) + "\n", until

    def _map_ssh_keys(self) -> Mapping[str, str]:
        valid_keys = {user: text for user, (text, until) in self._ssh_keys.items() if self.now() < until}
        return {f"{SSH_KEYS_PATH}/{user}": text for user, text in valid_keys.items()}

    def _map_interruption(self) -> Mapping[str, str]:
        """Return the warning of an interruption; without one, the path does not exist.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
        """
        if self.interruption is None:
            return {}
        action, at = self.interruption
        return {"meta-data/spot/instance-action": json.dumps({"action": action, "time": _format_time(at)})}

    def build_documents(self) -> Mapping[str, str]:
        """Return the text of every path under /latest."""
        spec, zone = self.spec, f"{self.spec.region}a"
        role = {
            "Code": "Success",
            "LastUpdated": _format_time(self.now()),
            "Type": "AWS-HMAC",
            "AccessKeyId": build_machine_key(spec.instance_id),
            "SecretAccessKey": "local",
            "Token": "local",
            "Expiration": _format_time(self.now() + CREDENTIALS_VALID_FOR),
        }
        identity = {
            "accountId": ACCOUNT,
            "architecture": spec.arch,
            "availabilityZone": zone,
            "instanceId": spec.instance_id,
            "instanceType": spec.instance_type,
            "region": spec.region,
            "version": "2017-09-30",
        }
        return {
            "meta-data/instance-id": spec.instance_id,
            "meta-data/instance-type": spec.instance_type,
            "meta-data/instance-life-cycle": spec.market,
            "meta-data/placement/region": spec.region,
            "meta-data/placement/availability-zone": zone,
            "meta-data/iam/security-credentials": ROLE,
            f"meta-data/iam/security-credentials/{ROLE}": json.dumps(role, indent=2),
            "dynamic/instance-identity/document": json.dumps(identity, indent=2),
            **self._map_ssh_keys(),
            **self._map_interruption(),
        }


class _Handler(BaseHTTPRequestHandler):
    server: MetadataServer
    server_version = "EC2ws"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token":
            return self._answer(HTTPStatus.NOT_FOUND, "")
        if not lifetime.isdigit() or not 1 <= int(lifetime) <= MAX_TOKEN_SECONDS:
            return self._answer(HTTPStatus.BAD_REQUEST, "")
        return self._answer(HTTPStatus.OK, self.server.issue_token(int(lifetime)))

    def do_GET(self) -> None:
        if not self.server.is_token_valid(self.headers.get("X-aws-ec2-metadata-token")):
            return self._answer(HTTPStatus.UNAUTHORIZED, "")
        path = self.path.partition("?")[0].removeprefix("/latest/").rstrip("/")
        text = self.server.build_documents().get(path)
        return self._answer(HTTPStatus.NOT_FOUND if text is None else HTTPStatus.OK, text or "")

    def date_time_string(self, timestamp: float | None = None) -> str:
        del timestamp
        return format_datetime(self.server.now(), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name in the base class
        del format, args

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
