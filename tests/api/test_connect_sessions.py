"""Sessions: who may open one, which document it uses, and that it is recorded in the timeline."""

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.aws.session_manager import Session, SessionManager
from chalicelib.control.services import session_opener
from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.sessions.policies import PolicyTooLong
from chalicelib.store.tables import TABLES
from local.ports import find_free_port
from tests.api.client import Bench
from tests.support.documents import get_ssm_name
from tests.support.world import get_ec2_id

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SESSIONS = "/instances/brave-otter/sessions"
RENEWAL = f"{SESSIONS}/credentials"


@pytest.fixture(scope="module")
def ready(one_bench: Bench) -> Bench:
    """One ready instance for the whole module, because a setup takes longer than a test."""
    bootstrap.set_application(one_bench.world.application)
    one_bench.world.launch_until_ready(name="brave-otter")
    return one_bench


def get_last_entry(bench: Bench) -> dict[str, Any]:
    line: dict[str, Any] = bench.ada("GET", "/instances/brave-otter/timeline").json["items"][-1]
    return line


@pytest.mark.parametrize(
    ("body", "document", "message"),
    [
        ({"kind": "shell"}, "gpudesk-shell", "ada requested a shell."),
        ({"kind": "jupyter", "local_port": find_free_port()}, "gpudesk-port", "ada requested a session to Jupyter."),
        ({"kind": "jupyter_token"}, "gpudesk-jupyter-token", "ada requested a session that prints the Jupyter token."),
        (
            {"kind": "port", "port": 6006, "local_port": find_free_port()},
            "gpudesk-port",
            "ada requested a session to a port.",
        ),
        (
            {"kind": "ssh", "public_key": f"{KEY} ada@laptop"},
            "gpudesk-ssh",
            "ada requested an ssh session with a key that is valid for 1 minute.",
        ),
    ],
)
def test_session_uses_the_document_of_its_kind_and_is_recorded(
    ready: Bench, body: dict[str, Any], document: str, message: str
) -> None:
    answer = ready.ada("POST", SESSIONS, body)
    assert (answer.status, answer.json["kind"], answer.json["document"]) == (201, body["kind"], document)
    assert answer.json["local_port"] == body.get("local_port")
    session = ready.world.cloud.sessions.started[answer.json["session_id"]]
    assert (session.document_name, session.reason) == (get_ssm_name(document), "ada at gpudesk")
    assert answer.json["instance_id"] == session.tracked.instance.id
    line = get_last_entry(ready)
    assert (line["code"], line["message"]) == ("session_requested", message)
    ports = {} if answer.json["local_port"] is None else {"port": str(body.get("port", 8888))}
    local = {} if answer.json["local_port"] is None else {"local_port": str(answer.json["local_port"])}
    assert line["details"] == {"kind": body["kind"], "document": document, **ports, **local}


def test_public_key_is_pushed_for_kind_ssh_only(ready: Bench) -> None:
    offered = ready.world.cloud.machines.ssh_keys  # type: ignore[attr-defined]
    offered.clear()
    ready.ada("POST", SESSIONS, {"kind": "shell"})
    assert offered == []
    ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": f"{KEY} ada@laptop"})
    ((_, user, key, _),) = offered
    assert (user, key) == ("ubuntu", KEY)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"kind": "telnet"}, "kind", "shell, port, jupyter, jupyter_token or ssh"),
        ({"kind": "port"}, "port", "on the instance"),
        ({"kind": "ssh"}, "public_key", "is required for kind ssh: a public key of type ssh-ed25519 or ssh-rsa"),
        (
            {"kind": "ssh", "public_key": "ssh-ed25519 AAAA"},
            "public_key",
            "for example the content of ~/.ssh/id_ed25519.pub",
        ),
        ({"kind": "shell", "public_key": KEY}, "body", "must not have public_key unless kind is ssh"),
        (
            {"kind": "ssh", "public_key": KEY, "local_port": 9},
            "body",
            "must not have local_port unless kind is port or jupyter",
        ),
    ],
)
def test_session_request_with_wrong_field_is_rejected_with_accepted_values(
    ready: Bench, body: dict[str, Any], field: str, message: str
) -> None:
    before = get_last_entry(ready)
    answer = ready.ada("POST", SESSIONS, body)
    assert answer.status == 422
    assert message in answer.field_errors[field]
    assert get_last_entry(ready) == before


def test_session_of_an_admin_on_another_owners_instance_is_recorded_as_such(ready: Bench) -> None:
    assert ready.root("POST", SESSIONS, {"kind": "shell"}).status == 201
    assert get_last_entry(ready)["message"] == "root, an admin, requested a shell to the instance of ada."
    assert get_last_entry(ready)["actor"] == "root"
    ready.root("POST", f"{SESSIONS}?owner=ada", {"kind": "shell"})
    assert get_last_entry(ready)["message"] == "root for ada, an admin, requested a shell to the instance of ada."
    ready.slack("POST", f"{SESSIONS}?owner=ada", {"kind": "shell"})
    assert get_last_entry(ready)["message"] == "slack for ada requested a shell."


def test_session_on_instance_without_gpudesk_tags_is_a_conflict(ready: Bench) -> None:
    instance = ready.world.application.reconciler.stores.instances.load("brave-otter")
    assert instance is not None
    before, started = get_last_entry(ready), len(ready.world.cloud.sessions.started)
    resources, stage = [get_ec2_id(instance)], ready.world.application.settings.stage
    ready.world.ec2.delete_tags(Resources=resources, Tags=[{"Key": "gpudesk:stage"}])
    answer = ready.ada("POST", SESSIONS, {"kind": "shell"})
    ready.world.ec2.create_tags(Resources=resources, Tags=[{"Key": "gpudesk:stage", "Value": stage}])
    assert (answer.status, answer.json["code"]) == (409, "tags_missing")
    assert "lost its gpudesk tags" in answer.json["detail"]
    assert (get_last_entry(ready), len(ready.world.cloud.sessions.started)) == (before, started)


@pytest.mark.parametrize("operation", ["DescribeInstances", "AssumeRole", "SendSSHPublicKey", "StartSession"])
def test_session_request_is_answered_503_when_aws_throttles_a_call(ready: Bench, operation: str) -> None:
    ready.world.cloud.faults.inject(operation, "ThrottlingException")
    answer = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY})
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "upstream_error", "5")
    assert "ThrottlingException" in answer.json["detail"]


@pytest.mark.parametrize("operation", ["DescribeInstances", "AssumeRole", "SendSSHPublicKey", "StartSession"])
def test_session_request_is_answered_502_when_aws_rejects_a_call(ready: Bench, operation: str) -> None:
    ready.world.cloud.faults.inject(operation, "AccessDeniedException")
    answer = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY})
    assert (answer.status, answer.json["code"]) == (502, "upstream_error")
    assert "retry-after" not in answer.headers
    assert "AccessDeniedException" in answer.json["detail"]


def test_timeline_says_that_no_session_was_opened(ready: Bench) -> None:
    ready.world.cloud.faults.inject("StartSession", "InternalServerError")
    detail = ready.ada("POST", SESSIONS, {"kind": "shell"}).json["detail"]
    items = ready.ada("GET", "/instances/brave-otter/timeline").json["items"]
    assert [each["code"] for each in items[-2:]] == ["session_requested", "session_not_opened"]
    assert items[-1]["message"] == f"ada got no session. {detail}"


def list_active_sessions(bench: Bench) -> list[str]:
    return [each.session_id for each in bench.world.cloud.sessions.started.values() if not each.ended_at]


@pytest.mark.parametrize(
    ("refused", "cause"),
    [
        (("AssumeRole",), "(ThrottlingException). gpudesk has ended the session."),
        (
            ("AssumeRole", "TerminateSession"),
            "(ThrottlingException). gpudesk could not end the session, but nobody can",
        ),
    ],
)
def test_session_that_nobody_gets_is_ended(
    ready: Bench, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...], cause: str
) -> None:
    active, start = list_active_sessions(ready), SessionManager.start_session

    def start_before_the_faults(*arguments: Any, **named: Any) -> Session:
        session = start(*arguments, **named)
        for operation in refused:
            ready.world.cloud.faults.inject(operation, "ThrottlingException")
        return session

    monkeypatch.setattr(SessionManager, "start_session", start_before_the_faults)
    answer = ready.ada("POST", SESSIONS, {"kind": "shell"})
    assert answer.status == 503
    assert cause in answer.json["detail"]
    entry = get_last_entry(ready)
    assert (entry["code"], entry["message"]) == ("session_not_opened", f"ada got no session. {answer.json['detail']}")
    assert len(list_active_sessions(ready)) - len(active) == len(refused) - 1


def test_failure_of_gpudesk_itself_ends_the_session_and_the_entry(
    ready: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise PolicyTooLong("x")

    active = list_active_sessions(ready)
    monkeypatch.setattr(session_opener, "build_channel_policy", refuse)
    assert ready.ada("POST", SESSIONS, {"kind": "shell"}).status == 500
    assert get_last_entry(ready)["message"] == "ada got no session. gpudesk failed. Its log says why."
    assert list_active_sessions(ready) == active


def test_failure_that_cannot_be_recorded_is_still_answered(ready: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ready.world.cloud.faults

    def fail(*_: object, **__: object) -> Session:
        faults.cancel("TransactWriteItems", times=9)
        raise PermanentAwsError("InvalidDocument", "x")

    monkeypatch.setattr(SessionManager, "start_session", fail)
    answer = ready.ada("POST", SESSIONS, {"kind": "shell"})
    faults.clear()
    assert (answer.status, "InvalidDocument" in answer.json["detail"]) == (502, True)
    assert get_last_entry(ready)["code"] == "session_requested"


def open_shell(client: Any) -> tuple[str, Any]:
    """Return the id of a new session, and the credentials."""
    answer = client("POST", SESSIONS, {"kind": "shell"}).json
    return answer["session_id"], answer["credentials"]


def test_credentials_expire_within_an_hour_and_renewed_ones_have_the_same_identity(ready: Bench) -> None:
    session_id, first = open_shell(ready.ada)
    answer = ready.ada("POST", RENEWAL, {"session_id": session_id})
    assert answer.status == 200
    roles = [ready.world.cloud.roles.find(each["access_key_id"]) for each in (first, answer.json)]
    assert [role and role.user_id for role in roles] == [ready.world.cloud.sessions.started[session_id].user_id] * 2
    assert first["access_key_id"] != answer.json["access_key_id"]
    latest = ready.world.now + timedelta(hours=1)
    assert all(datetime.fromisoformat(each["expires_at"]) <= latest for each in (first, answer.json))


def test_renewal_is_refused_for_others_for_ended_sessions_and_other_ids(ready: Bench) -> None:
    session_id, _ = open_shell(ready.ada)
    shell_of_root, _ = open_shell(ready.root)
    ended, _ = open_shell(ready.ada)
    ready.world.cloud.sessions.started[ended].end(ready.world.now)
    for client, wrong in [
        (ready.bob, session_id),
        (ready.root, session_id),
        (ready.ada, shell_of_root),
        (ready.ada, ended),
        (ready.ada, "ada-0123456789abcdef-00"),
        (ready.ada, "x"),
    ]:
        assert client("POST", RENEWAL, {"session_id": wrong}).status == 404
    assert ready.ada("POST", RENEWAL, {"session_id": "a b"}).status == 422
    answer = ready.ada("POST", RENEWAL, {"session_id": ended}).json
    assert (answer["code"], answer["detail"]) == (
        "session_not_found",
        "You have no active session with this id on brave-otter. Open a new one.",
    )


def test_session_token_and_credentials_are_neither_logged_nor_stored(
    ready: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "chalicelib"), caplog.at_level(logging.DEBUG, "gpudesk"):
        answer = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY}).json
        renewed = ready.ada("POST", RENEWAL, {"session_id": answer["session_id"]}).json
    secrets = [answer["token"]]
    secrets += [
        each[name] for each in (answer["credentials"], renewed) for name in ("secret_access_key", "session_token")
    ]
    assert all(secrets)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("chalicelib", "gpudesk"))]
    stored = [str(row.attribute_values) for model in TABLES for row in model.scan()]
    assert not [secret for secret in secrets for text in [*ours, *stored] if secret in text]


def test_connect_returns_ssh_config_with_and_without_credentials(ready: Bench) -> None:
    answer = ready.ada("GET", "/instances/brave-otter/connect").json
    without, with_credentials = answer["ssh_configs"]
    assert without["lines"][0] == with_credentials["lines"][0] == "Host brave-otter"
    assert without["lines"][-1].split()[:2] == ["ProxyCommand", "gpudesk-session"]
    assert "send-ssh-public-key" in with_credentials["lines"][-1]
    assert "AWS-StartSSHSession" in with_credentials["lines"][-1]
