"""Sessions to an instance: their kinds, the Session document and parameters of each, and the check of an ssh key."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.text import join_or
from chalicelib.domain.sessions.connect import DEFAULT_JUPYTER_LOCAL_PORT

SSH_USER = "ubuntu"
"""User of shells, and user for whom an ssh key is sent to the instance."""

KEY_TYPES = ("ssh-ed25519", "ssh-rsa")
"""Key types that EC2 Instance Connect accepts.

https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html"""

MIN_KEY_LENGTH, MAX_KEY_LENGTH = 80, 4096


class SessionKind(StrEnum):
    """Kind of a session: where it leads, or what it prints."""

    SHELL = "shell"
    PORT = "port"
    JUPYTER = "jupyter"
    JUPYTER_TOKEN = "jupyter_token"  # noqa: S105 - what it prints, not what it is
    SSH = "ssh"

    @property
    def requires_jupyter(self) -> bool:
        """Return whether the session needs a recipe that installs Jupyter."""
        return self in (SessionKind.JUPYTER, SessionKind.JUPYTER_TOKEN)

    @property
    def requires_secrets(self) -> bool:
        """Return whether the session needs secrets that are removed from the disk while an image is created."""
        return self.requires_jupyter or self is SessionKind.SSH


DOCUMENT_BY_KIND: Mapping[SessionKind, str] = {
    SessionKind.SHELL: "gpudesk-shell",
    SessionKind.PORT: "gpudesk-port",
    SessionKind.JUPYTER: "gpudesk-port",
    SessionKind.JUPYTER_TOKEN: "gpudesk-jupyter-token",
    SessionKind.SSH: "gpudesk-ssh",
}
"""Session documents. The IAM policy of gpudesk allows no others."""


@dataclass(frozen=True, kw_only=True)
class SessionRequest:
    """A session that a person requests.

    :param port: port on the instance, for kind `port`
    :param local_port: port on the person's computer; None: the same port, or DEFAULT_JUPYTER_LOCAL_PORT for Jupyter
    :param public_key: one line of a .pub file, for kind `ssh`; it is valid for one minute
    """

    kind: SessionKind
    port: int | None = None
    local_port: int | None = None
    public_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """Parameters of the call of StartSession.

    :param local_port: port on the person's computer; None: the session forwards no port
    :param public_key: key that is sent to the instance before the session starts; None: no key is needed
    """

    kind: SessionKind
    document: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    local_port: int | None = None
    public_key: str | None = None

    @property
    def ports(self) -> Mapping[str, str]:
        """The ports for the timeline; empty if the session forwards none."""
        if self.local_port is None:
            return {}
        return {"port": self.parameters["portNumber"], "local_port": str(self.local_port)}


def plan_session(request: SessionRequest, jupyter_port: int | None) -> SessionPlan:
    """Return the plan for a request.

    :param jupyter_port: port of Jupyter on the instance; not None for kinds that require Jupyter
    :raises ValidationFailed: the port is missing, or the key is missing or invalid
    """
    document = DOCUMENT_BY_KIND[request.kind]
    match request.kind:
        case SessionKind.SHELL | SessionKind.JUPYTER_TOKEN:
            return SessionPlan(kind=request.kind, document=document)
        case SessionKind.SSH:
            return SessionPlan(kind=request.kind, document=document, public_key=validate_public_key(request.public_key))
        case SessionKind.PORT | SessionKind.JUPYTER:
            remote = request.port if request.kind is SessionKind.PORT else jupyter_port
            if remote is None:
                error = FieldError("port", "is required for kind port: 1 to 65535, on the instance")
                raise ValidationFailed(
                    "`port` is required for kind `port`: 1 to 65535, on the instance.", errors=(error,)
                )
            local = request.local_port or (
                DEFAULT_JUPYTER_LOCAL_PORT if request.kind is SessionKind.JUPYTER else remote
            )
            parameters = {"portNumber": str(remote), "localPortNumber": str(local)}
            return SessionPlan(kind=request.kind, document=document, parameters=parameters, local_port=local)


def validate_public_key(text: str | None) -> str:
    """Return the key without its comment, which may contain personal data.

    :raises ValidationFailed: the text is not a key of a type that EC2 Instance Connect accepts
    """
    key_type, _, rest = (text or "").strip().partition(" ")
    body = rest.partition(" ")[0]
    key = f"{key_type} {body}"
    if key_type in KEY_TYPES and MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH and _contains_type(body, key_type):
        return key
    verb = "must be" if text else "is required for kind ssh:"
    message = (
        f"{verb} a public key of type {join_or(KEY_TYPES)}, one line, for example the content of ~/.ssh/id_ed25519.pub"
    )
    raise ValidationFailed(f"public_key {message}.", errors=(FieldError("public_key", message),))


def _contains_type(body: str, key_type: str) -> bool:
    """Return whether the bytes of a key begin with its type (RFC 4253, section 6.6)."""
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = key_type.encode()
    return raw.startswith(len(name).to_bytes(4, "big") + name) and len(raw) > len(name) + 4


def describe_requested_session(kind: SessionKind, actor: str, owner: str, *, by_admin: bool) -> str:
    """Return the timeline message about a session that gpudesk is about to open.

    :param by_admin: whether an admin requested a session to the instance of another person
    """
    session = {
        SessionKind.SHELL: "a shell",
        SessionKind.PORT: "a session to a port",
        SessionKind.JUPYTER: "a session to Jupyter",
        SessionKind.JUPYTER_TOKEN: "a session that prints the Jupyter token",
        SessionKind.SSH: "an ssh session with a key that is valid for 1 minute",
    }[kind]
    if by_admin:
        return f"{actor}, an admin, requested {session} to the instance of {owner}."
    return f"{actor} requested {session}."
