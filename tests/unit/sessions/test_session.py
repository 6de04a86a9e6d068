import base64

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.sessions.session import (
    SessionKind,
    SessionRequest,
    describe_opened_session,
    plan_session,
    validate_public_key,
)


def key(kind: str = "ssh-ed25519", bytes_more: int = 48) -> str:
    name = kind.encode()
    body = len(name).to_bytes(4, "big") + name + b"\0" * bytes_more
    return f"{kind} {base64.b64encode(body).decode()}"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_a_key_loses_its_comment_and_its_line_end(kind: str) -> None:
    assert validate_public_key(f"{key(kind)} ada@laptop\n") == key(kind)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 not/base64!",
        key("ssh-rsa").replace("ssh-rsa", "ssh-ed25519", 1),
        key("ssh-ed25519", 0),
        key("ssh-ed25519", 30),
        key("ecdsa-sha2-nistp256"),
        key("ssh-rsa", 4000),
        f'command="id" {key()}',
        f"{key()}\n{key()}".replace(" ", "\n", 1),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_public_key_is_refused_in_words(text: str | None) -> None:
    with pytest.raises(ValidationFailed, match="public key of type ssh-ed25519 or ssh-rsa") as refused:
        validate_public_key(text)
    assert [error.field for error in refused.value.errors] == ["public_key"]


def test_a_private_key_is_not_told_back() -> None:
    with pytest.raises(ValidationFailed) as refused:
        validate_public_key("-----BEGIN OPENSSH PRIVATE KEY----- secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("wish", "document", "parameters"),
    [
        (SessionRequest(kind=SessionKind.SHELL), "gpudesk-shell", {}),
        (SessionRequest(kind=SessionKind.JUPYTER_TOKEN), "gpudesk-jupyter-token", {}),
        (SessionRequest(kind=SessionKind.SSH, public_key=key()), "gpudesk-ssh", {}),
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
def test_each_kind_has_its_document(wish: SessionRequest, document: str, parameters: dict[str, str]) -> None:
    way = plan_session(wish, 8888)
    assert (way.document, way.parameters) == (document, parameters)


def test_an_admin_who_enters_is_called_one() -> None:
    assert (
        describe_opened_session(SessionKind.SHELL, "root", "ada", by_admin=True)
        == "root, an admin, opened a shell to the instance of ada."
    )
    assert describe_opened_session(SessionKind.SHELL, "ada", "ada", by_admin=False) == "ada opened a shell."
