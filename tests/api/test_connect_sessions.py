"""Entering an instance: who may, by which door, and that it is told."""

import logging
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.store.tables import TABLES
from tests.api.client import Bench
from tests.support.world import machine_id

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SESSIONS = "/instances/brave-otter/sessions"


@pytest.fixture(scope="module")
def ready(one_bench: Bench) -> Bench:
    """One instance for all: setting one up takes longer than a test."""
    bootstrap.set_application(one_bench.world.desk)
    one_bench.world.ready(name="brave-otter")
    return one_bench


def last_line(bench: Bench) -> dict[str, Any]:
    line: dict[str, Any] = bench.ada("GET", "/instances/brave-otter/timeline").json["items"][-1]
    return line


@pytest.mark.parametrize(
    ("wish", "document", "told"),
    [
        ({"kind": "shell"}, "gpudesk-shell", "ada opens a shell"),
        ({"kind": "jupyter", "local_port": 18889}, "gpudesk-port", "ada opens a session to Jupyter"),
        ({"kind": "jupyter_token"}, "gpudesk-jupyter-token", "ada opens a session that prints Jupyter's token"),
        ({"kind": "port", "port": 6006, "local_port": 16006}, "gpudesk-port", "ada opens a session to a port"),
        (
            {"kind": "ssh", "public_key": f"{KEY} ada@laptop"},
            "gpudesk-ssh",
            "ada opens an ssh session, with a key that is good for a minute",
        ),
    ],
)
def test_each_kind_of_session_is_by_a_document_of_ours_and_told(
    ready: Bench, wish: dict[str, Any], document: str, told: str
) -> None:
    answer = ready.ada("POST", SESSIONS, wish)
    assert (answer.status, answer.json["kind"], answer.json["document"]) == (201, wish["kind"], document)
    assert answer.json["local_port"] == wish.get("local_port")
    session = ready.world.cloud.sessions.started[answer.json["session_id"]]
    assert (session.document_name, session.reason) == (document, "ada at gpudesk")
    assert answer.json["instance_id"] == session.tracked.instance.id
    line = last_line(ready)
    assert (line["code"], line["message"]) == ("session_requested", told)
    assert line["details"]["document"] == document


def test_a_key_is_pushed_for_ssh_alone(ready: Bench) -> None:
    shown = ready.world.cloud.machines.ssh_keys  # type: ignore[attr-defined]
    shown.clear()
    ready.ada("POST", SESSIONS, {"kind": "shell"})
    assert shown == []
    ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": f"{KEY} ada@laptop"})
    ((_, user, key, _),) = shown
    assert (user, key) == ("ubuntu", KEY)


@pytest.mark.parametrize(
    ("wish", "field", "message"),
    [
        ({"kind": "telnet"}, "kind", "shell, port, jupyter, jupyter_token or ssh"),
        ({"kind": "port"}, "port", "the port on the instance"),
        ({"kind": "ssh"}, "public_key", "a public key of kind ssh-ed25519 or ssh-rsa"),
        ({"kind": "ssh", "public_key": "ssh-ed25519 AAAA"}, "public_key", "as ~/.ssh/id_ed25519.pub has it"),
        ({"kind": "shell", "public_key": KEY}, "body", "goes with kind ssh only"),
        ({"kind": "ssh", "public_key": KEY, "local_port": 9}, "body", "local_port goes with"),
    ],
)
def test_a_wish_that_cannot_be_is_told_what_would_be_right(
    ready: Bench, wish: dict[str, Any], field: str, message: str
) -> None:
    before = last_line(ready)
    answer = ready.ada("POST", SESSIONS, wish)
    assert answer.status == 422
    assert message in answer.wrong[field]
    assert last_line(ready) == before


def test_an_admin_who_enters_somebody_elses_instance_is_told_of(ready: Bench) -> None:
    assert ready.root("POST", SESSIONS, {"kind": "shell"}).status == 201
    assert last_line(ready)["message"] == "root, an admin, enters ada's instance: a shell"
    assert last_line(ready)["actor"] == "root"
    ready.root("POST", f"{SESSIONS}?owner=ada", {"kind": "shell"})
    assert last_line(ready)["message"] == "root for ada, an admin, enters ada's instance: a shell"
    ready.slack("POST", f"{SESSIONS}?owner=ada", {"kind": "shell"})
    assert last_line(ready)["message"] == "slack for ada opens a shell"


def test_nobody_is_let_into_a_machine_that_has_lost_our_tags(ready: Bench) -> None:
    instance = ready.world.desk.reconciler.instances.load("brave-otter")
    assert instance is not None
    before, started = last_line(ready), len(ready.world.cloud.sessions.started)
    resources, stage = [machine_id(instance)], ready.world.desk.settings.stage
    ready.world.ec2.delete_tags(Resources=resources, Tags=[{"Key": "gpudesk:stage"}])
    answer = ready.ada("POST", SESSIONS, {"kind": "shell"})
    ready.world.ec2.create_tags(Resources=resources, Tags=[{"Key": "gpudesk:stage", "Value": stage}])
    assert (answer.status, answer.json["code"]) == (409, "tags_missing")
    assert "with the desk's tags" in answer.json["detail"]
    assert (last_line(ready), len(ready.world.cloud.sessions.started)) == (before, started)


@pytest.mark.parametrize("operation", ["DescribeInstances", "SendSSHPublicKey", "StartSession"])
def test_session_answers_503_when_aws_throttles_a_call(ready: Bench, operation: str) -> None:
    ready.world.cloud.faults.inject(operation, "ThrottlingException")
    answer = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY})
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "upstream_error", "5")
    assert "ThrottlingException" in answer.json["detail"]


@pytest.mark.parametrize("operation", ["DescribeInstances", "SendSSHPublicKey", "StartSession"])
def test_session_answers_502_when_aws_rejects_a_call(ready: Bench, operation: str) -> None:
    ready.world.cloud.faults.inject(operation, "UnauthorizedOperation")
    answer = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY})
    assert (answer.status, answer.json["code"]) == (502, "upstream_error")
    assert "retry-after" not in answer.headers
    assert "UnauthorizedOperation" in answer.json["detail"]


def test_the_token_is_in_the_answer_and_nowhere_else(ready: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "chalicelib"), caplog.at_level(logging.DEBUG, "gpudesk"):
        token = ready.ada("POST", SESSIONS, {"kind": "ssh", "public_key": KEY}).json["token"]
    assert token
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("chalicelib", "gpudesk"))]
    assert not any(token in line for line in ours)
    for model in TABLES:
        for row in model.scan():
            assert token not in str(row.attribute_values), model.Meta.table_name


def test_there_are_lines_for_the_ssh_configuration(ready: Bench) -> None:
    answer = ready.ada("GET", "/instances/brave-otter/connect").json
    without, with_credentials = answer["ssh_configs"]
    assert without["lines"][0] == with_credentials["lines"][0] == "Host brave-otter"
    assert without["lines"][-1].split()[:2] == ["ProxyCommand", "gpudesk-session"]
    assert "send-ssh-public-key" in with_credentials["lines"][-1]
    assert "AWS-StartSSHSession" in with_credentials["lines"][-1]
