"""Session plans, and the check of public keys."""

import base64

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.sessions.session import (
    SessionKind,
    SessionRequest,
    describe_requested_session,
    plan_session,
    validate_public_key,
)


def build_key(kind: str = "ssh-ed25519", bytes_more: int = 48) -> str:
    name = kind.encode()
    body = len(name).to_bytes(4, "big") + name + b"\0" * bytes_more
    return f"{kind} {base64.b64encode(body).decode()}"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_comment_and_line_end_are_removed_from_a_key(kind: str) -> None:
    assert validate_public_key(f"{build_key(kind)} ada@laptop\n") == build_key(kind)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 not/base64!",
        build_key("ssh-rsa").replace("ssh-rsa", "ssh-ed25519", 1),
        build_key("ssh-ed25519", 0),
        build_key("ssh-ed25519", 30),
        build_key("ecdsa-sha2-nistp256"),
        build_key("ssh-rsa", 4000),
        f'command="id" {build_key()}',
        f"{build_key()}\n{build_key()}".replace(" ", "\n", 1),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_invalid_public_key_is_rejected(text: str | None) -> None:
    with pytest.raises(ValidationFailed, match="public key of type ssh-ed25519 or ssh-rsa") as error:
        validate_public_key(text)
    assert [error.field for error in error.value.errors] == ["public_key"]


def test_error_does_not_repeat_a_private_key() -> None:
    with pytest.raises(ValidationFailed) as error:
        validate_public_key("-----BEGIN OPENSSH PRIVATE KEY----- secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("session_request", "document", "parameters"),
    [
        (SessionRequest(kind=SessionKind.SHELL), "gpudesk-shell", {}),
        (SessionRequest(kind=SessionKind.JUPYTER_TOKEN), "gpudesk-jupyter-token", {}),
        (SessionRequest(kind=SessionKind.SSH, public_key=build_key()), "gpudesk-ssh", {}),
        (
            SessionRequest(kind=SessionKind.JUPYTER),
            "gpudesk-port",
            {"portNumber": "8888", "localPortNumber": "8889"},
        ),
        (
            SessionRequest(kind=SessionKind.JUPYTER, local_port=9000),
            "gpudesk-port",
            {"portNumber": "8888", "localPortNumber": "9000"},
        ),
        (
            SessionRequest(kind=SessionKind.PORT, port=6006),
            "gpudesk-port",
            {"portNumber": "6006", "localPortNumber": "6006"},
        ),
    ],
)
def test_each_kind_has_its_document_and_parameters(
    session_request: SessionRequest, document: str, parameters: dict[str, str]
) -> None:
    plan = plan_session(session_request, 8888)
    assert (plan.document, plan.parameters) == (document, parameters)


def test_message_says_that_an_admin_opened_the_session() -> None:
    assert (
        describe_requested_session(SessionKind.SHELL, "root", "ada", by_admin=True)
        == "root, an admin, requested a shell to the instance of ada."
    )
    assert describe_requested_session(SessionKind.SHELL, "ada", "ada", by_admin=False) == "ada requested a shell."
