"""Ways into an instance: by which of our Session documents, with which parameters; what an ssh key must look like."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.text import join_or
from chalicelib.domain.sessions.connect import DEFAULT_JUPYTER_LOCAL_PORT

SSH_USER = "ubuntu"
"""Whose shell it is, and for whom an ssh key is pushed."""

KEY_TYPES = ("ssh-ed25519", "ssh-rsa")
"""What EC2 Instance Connect takes.

https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html"""

MIN_KEY_LENGTH, MAX_KEY_LENGTH = 80, 4096


class SessionKind(StrEnum):
    """What a session leads to."""

    SHELL = "shell"
    PORT = "port"
    JUPYTER = "jupyter"
    JUPYTER_TOKEN = "jupyter_token"  # noqa: S105 - what it prints, not what it is
    SSH = "ssh"

    @property
    def requires_jupyter(self) -> bool:
        return self in (SessionKind.JUPYTER, SessionKind.JUPYTER_TOKEN)

    @property
    def requires_secrets(self) -> bool:
        """Of the machine, that are off its disk while an image of it is sealed."""
        return self.requires_jupyter or self is SessionKind.SSH


DOCUMENT_BY_KIND: Mapping[SessionKind, str] = {
    SessionKind.SHELL: "gpudesk-shell",
    SessionKind.PORT: "gpudesk-port",
    SessionKind.JUPYTER: "gpudesk-port",
    SessionKind.JUPYTER_TOKEN: "gpudesk-jupyter-token",
    SessionKind.SSH: "gpudesk-ssh",
}
"""The only ones that the desk, by its policy, may start."""


@dataclass(frozen=True, kw_only=True)
class SessionRequest:
    """What somebody wants to get to.

    :param port: for kind `port`: the one on the instance
    :param local_port: the one on the laptop; None: the same, or the book's 8889 for Jupyter
    :param public_key: for kind `ssh`: it opens the door for a minute, as a line of a .pub file
    """

    kind: SessionKind
    port: int | None = None
    local_port: int | None = None
    public_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """A wish made definite: what StartSession is asked for.

    :param local_port: the laptop's port that leads to the instance; None where the session has none
    :param public_key: pushed before the session is opened; None where none is needed
    """

    kind: SessionKind
    document: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    local_port: int | None = None
    public_key: str | None = None


def plan_session(request: SessionRequest, jupyter_port: int | None) -> SessionPlan:
    """:raises Invalid: what the kind needs is missing, or the key is none"""
    document = DOCUMENT_BY_KIND[request.kind]
    match request.kind:
        case SessionKind.SHELL | SessionKind.JUPYTER_TOKEN:
            return SessionPlan(kind=request.kind, document=document)
        case SessionKind.SSH:
            return SessionPlan(kind=request.kind, document=document, public_key=validate_public_key(request.public_key))
        case SessionKind.PORT | SessionKind.JUPYTER:
            remote = request.port if request.kind is SessionKind.PORT else jupyter_port
            if remote is None:
                wrong = FieldError("port", "is needed with kind port: the port on the instance, 1 to 65535")
                raise ValidationFailed("which port?", errors=(wrong,))
            local = request.local_port or (
                DEFAULT_JUPYTER_LOCAL_PORT if request.kind is SessionKind.JUPYTER else remote
            )
            parameters = {"portNumber": str(remote), "localPortNumber": str(local)}
            return SessionPlan(kind=request.kind, document=document, parameters=parameters, local_port=local)


def validate_public_key(text: str | None) -> str:
    """The key without its comment, which is nobody's business.

    :raises Invalid: it is none, or of a kind that EC2 Instance Connect does not take
    """
    kind, _, rest = (text or "").strip().partition(" ")
    body = rest.partition(" ")[0]
    if kind in KEY_TYPES and MIN_KEY_LENGTH <= len(f"{kind} {body}") <= MAX_KEY_LENGTH and _says(kind, body):
        return f"{kind} {body}"
    kinds = join_or(KEY_TYPES)
    right = f"must be, with kind ssh, a public key of kind {kinds} as one line, as ~/.ssh/id_ed25519.pub has it"
    raise ValidationFailed(f"public_key {right}", errors=(FieldError("public_key", right),))


def _says(kind: str, body: str) -> bool:
    """Whether the key's own bytes begin with its kind, as those of an OpenSSH key do (RFC 4253, 6.6)."""
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = kind.encode()
    return raw.startswith(len(name).to_bytes(4, "big") + name) and len(raw) > len(name) + 4


def session_opened_message(kind: SessionKind, actor: str, owner: str, *, by_admin: bool) -> str:
    """The timeline's sentence; an owner sees it when somebody else comes in.

    :param by_admin: whether an admin enters what is somebody else's
    """
    what = {
        SessionKind.SHELL: "a shell",
        SessionKind.PORT: "a session to a port",
        SessionKind.JUPYTER: "a session to Jupyter",
        SessionKind.JUPYTER_TOKEN: "a session that prints Jupyter's token",
        SessionKind.SSH: "an ssh session, with a key that is good for a minute",
    }[kind]
    return f"{actor}, an admin, enters {owner}'s instance: {what}" if by_admin else f"{actor} opens {what}"
