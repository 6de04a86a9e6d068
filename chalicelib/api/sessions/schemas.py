"""Body and views of sessions, and of the commands that open one."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import SessionKindText
from chalicelib.api.common_views import WriteWarningView, to_warnings_view
from chalicelib.api.request_models import RequestModel
from chalicelib.control.services.sessions import ConnectInfo, OpenedSession
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.sessions.role import Credentials
from chalicelib.domain.sessions.session import SessionKind, SessionRequest


class SessionBody(RequestModel):
    """The session to open. `local_port` is a port on your computer; its default is `port`, or 8889 for Jupyter.

    `kind`: shell opens a shell; port forwards `local_port` to `port` on the instance; jupyter forwards to Jupyter;
    jupyter_token prints Jupyter's token; ssh opens port 22 to the holder of `public_key`. `port` is required for kind
    port and `public_key` for kind ssh; other kinds do not accept them.
    """

    multiline_fields = frozenset({"public_key"})

    kind: Literal["shell", "port", "jupyter", "jupyter_token", "ssh"] = Field(
        description="shell, port, jupyter, jupyter_token or ssh"
    )
    port: int | None = Field(None, ge=1, le=65535, description="a port on the instance, from 1 to 65535")
    local_port: int | None = Field(
        None, ge=1, le=65535, description="a port on your computer from 1 to 65535, e.g. 8889"
    )
    public_key: str | None = Field(
        None, min_length=1, max_length=4400, description="the content of a .pub file, e.g. ~/.ssh/id_ed25519.pub"
    )

    @model_validator(mode="after")
    def _check_port_usage(self) -> Self:
        if self.port is not None and self.kind != "port":
            raise PydanticCustomError("port", "must not have port unless kind is port")
        if self.local_port is not None and self.kind not in ("port", "jupyter"):
            raise PydanticCustomError("port", "must not have local_port unless kind is port or jupyter")
        if self.public_key is not None and self.kind != "ssh":
            raise PydanticCustomError("public_key", "must not have public_key unless kind is ssh")
        return self

    def to_request(self) -> SessionRequest:
        """Return the session request of the domain."""
        return SessionRequest(
            kind=SessionKind(self.kind), port=self.port, local_port=self.local_port, public_key=self.public_key
        )


class CredentialsBody(RequestModel):
    """The session whose credentials to renew."""

    session_id: str = Field(
        pattern=r"^[A-Za-z0-9_+=,.@-]{1,96}$", description="the session_id of POST /instances/{name}/sessions"
    )


class CredentialsView(TypedDict):
    """Temporary AWS credentials. They open, resume and end one session, and nothing else.

    gpudesk does not store them.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: str


class SessionView(TypedDict):
    """An open SSM session. `session_id`, `stream_url`, `token` and `endpoint_url` are for the session-manager-plugin.

    gpudesk stores neither the token nor the credentials; only this answer contains them.
    """

    kind: SessionKindText
    document: str
    region: str
    instance_id: str
    local_port: int | None
    session_id: str
    stream_url: str
    token: str
    endpoint_url: str
    credentials: CredentialsView


def to_credentials_view(credentials: Credentials) -> CredentialsView:
    """Return the view of credentials, with their secret parts."""
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token,
        "expires_at": format_timestamp(credentials.expires_at),
    }


def to_session_view(opened: OpenedSession) -> SessionView:
    """Return the view of an opened session, with its token."""
    return {
        "kind": str(opened.plan.kind),
        "document": opened.plan.document,
        "region": opened.region,
        "instance_id": opened.instance_id,
        "local_port": opened.plan.local_port,
        "session_id": opened.session.session_id,
        "stream_url": opened.session.stream_url,
        "token": opened.session.token,
        "endpoint_url": opened.session.endpoint_url,
        "credentials": to_credentials_view(opened.credentials),
    }


class ConnectCommandView(TypedDict):
    """A command to paste into a terminal, and what it does."""

    title: str
    command: str


class SshConfigView(TypedDict):
    """Lines for ~/.ssh/config, and who can use them."""

    title: str
    lines: list[str]


class ConnectView(TypedDict):
    """How to connect. `commands` require AWS credentials; one of `ssh_configs` works without them.

    `warnings`: why none of them works now.
    """

    commands: list[ConnectCommandView]
    ssh_configs: list[SshConfigView]
    warnings: list[WriteWarningView]


def to_connect_view(info: ConnectInfo) -> ConnectView:
    """Return the view of the ways to connect to an instance."""
    return {
        "commands": [{"title": command.title, "command": command.command} for command in info.commands],
        "ssh_configs": [{"title": entry.title, "lines": list(entry.lines)} for entry in info.ssh_configs],
        "warnings": to_warnings_view(info.warning),
    }
