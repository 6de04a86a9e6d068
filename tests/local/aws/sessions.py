"""A session role, and the laptop's end of a session, for tests of Session Manager."""

import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import boto3

from chalicelib.domain.sessions.policies import build_channel_policy, build_start_policy
from chalicelib.domain.sessions.role import RoleArn
from local.aws.ssm.amazon_documents import PORT_FORWARDING
from local.machines.host.interface import Forwarding
from local.machines.host.relay import Relay
from local.machines.host.simulated import SimulatedMachines
from local.plugin.session_client import SessionClient
from local.plugin.signing import SigningKey
from local.provisioning import SESSION_TRUST_POLICY
from tests.local.aws.conftest import ONCE

REGION = "us-east-1"
ROLE_NAME = "session-role"
ROLE = RoleArn.parse(f"arn:aws:iam::123456789012:role/{ROLE_NAME}")
SESSION_NAME = "ada-0123456789abcdef"
DOCUMENT = "forward-port"
PORTS = {"portNumber": ["8888"], "localPortNumber": ["8889"]}
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class EchoMachines(SimulatedMachines):
    """Simulated machines on which every port answers with what it gets.

    :ivar forwarded: remote ports that were forwarded
    """

    def __init__(self) -> None:
        super().__init__()
        self.forwarded: list[int] = []
        self._echo = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        self.forwarded.append(remote_port)
        listener = socket.create_server(("127.0.0.1", local_port))
        return Relay(listener, lambda: socket.create_connection(self._echo.getsockname()))

    def close(self) -> None:
        self._echo.close()
        super().close()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._echo.accept()
                threading.Thread(target=_echo, args=(connection,), daemon=True).start()
        except OSError:
            return


def _echo(connection: socket.socket) -> None:
    with connection:
        while chunk := connection.recv(4096):
            connection.sendall(chunk)


def create_session_role() -> None:
    """Create a role that may do everything, so that only session policies limit its credentials, and a document."""
    content = json.dumps(PORT_FORWARDING)
    boto3.client("ssm", REGION).create_document(Name=DOCUMENT, Content=content, DocumentType="Session")
    iam = boto3.client("iam", REGION)
    iam.create_role(RoleName=ROLE_NAME, AssumeRolePolicyDocument=json.dumps(SESSION_TRUST_POLICY))
    iam.put_role_policy(RoleName=ROLE_NAME, PolicyName="all", PolicyDocument=json.dumps(ALLOW_ALL))


def assume(policy: str | None = None, name: str = SESSION_NAME, **arguments: Any) -> SigningKey:
    """Return credentials of the session role."""
    if policy:
        arguments["Policy"] = policy
    response = boto3.client("sts", REGION, config=ONCE).assume_role(
        RoleArn=ROLE.text, RoleSessionName=name, **arguments
    )
    found = response["Credentials"]
    return SigningKey(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def create_client(service: Any, key: SigningKey) -> Any:
    """Return a client that calls with these credentials."""
    return boto3.client(
        service,
        REGION,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        aws_session_token=key.session_token,
        config=ONCE,
    )


def start_session(instance_id: str) -> Mapping[str, Any]:
    """Start a session to port 8888 as gpudesk does: with credentials for this instance and document only."""
    key = assume(build_start_policy(ROLE, SESSION_NAME, REGION, instance_id, DOCUMENT))
    started = create_client("ssm", key).start_session(Target=instance_id, DocumentName=DOCUMENT, Parameters=PORTS)
    return dict(started)


def assume_for_laptop(session_id: str) -> SigningKey:
    """Return the credentials that gpudesk gives to the laptop."""
    return assume(build_channel_policy(ROLE, REGION, session_id))


def build_session_client(started: Mapping[str, Any], key: SigningKey) -> SessionClient:
    """Return the laptop's end of a session."""
    return SessionClient(
        started["SessionId"], started["StreamUrl"], started["TokenValue"], REGION, "http://unused", lambda: key
    )


def forge(key: SigningKey) -> SigningKey:
    """Return credentials with a wrong secret."""
    return replace(key, secret_access_key="wrong")
