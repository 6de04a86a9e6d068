"""Session documents, and the rules that they follow."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.sessions.connect import JUPYTER_TOKEN_FILE
from chalicelib.domain.sessions.session import DOCUMENT_BY_KIND, SSH_USER
from ssm_documents.session_documents import USER, check_session_document, list_session_names, load_session_document

Document = dict[str, Any]


@pytest.mark.parametrize("name", list_session_names())
def test_every_document_passes_the_check(name: str) -> None:
    assert check_session_document(load_session_document(name)) == []


def test_documents_are_exactly_those_that_gpudesk_uses() -> None:
    assert set(list_session_names()) == set(DOCUMENT_BY_KIND.values())
    assert USER == SSH_USER


@pytest.mark.parametrize("parameter", ["portNumber", "localPortNumber"])
def test_port_parameter_accepts_only_ports(parameter: str) -> None:
    pattern = load_session_document("gpudesk-port")["parameters"][parameter]["allowedPattern"]
    assert all(re.fullmatch(pattern, str(port)) for port in (1, 22, 8888, 9999, 10000, 59999, 65535))
    wrong = ("0", "65536", "99999", "-1", "08", "http", "22;id", "", "22\n")
    assert not any(re.fullmatch(pattern, text) for text in wrong)


def test_token_document_prints_the_token_file() -> None:
    assert JUPYTER_TOKEN_FILE in load_session_document("gpudesk-jupyter-token")["properties"]["linux"]["commands"]


def run_as_root(document: Document) -> None:
    document["inputs"]["runAsEnabled"] = False


def remove_timeout(document: Document) -> None:
    document["inputs"]["idleSessionTimeout"] = ""


def log_sessions(document: Document) -> None:
    document["inputs"]["cloudWatchLogGroupName"] = "sessions"


def insert_parameter(document: Document) -> None:
    document["inputs"]["shellProfile"]["linux"] = "cd {{ folder }}"


def change_session_type(document: Document) -> None:
    document["sessionType"] = "NonInteractiveCommands"


def change_schema(document: Document) -> None:
    document["schemaVersion"] = "2.2"


def remove_description(document: Document) -> None:
    document["description"] = ""


@pytest.mark.parametrize(
    ("break_rule", "problem"),
    [
        (run_as_root, "must run as ubuntu"),
        (remove_timeout, "idleSessionTimeout"),
        (log_sessions, "would log what people type"),
        (insert_parameter, "is inserted into text that a shell reads"),
        (change_session_type, "is not used by gpudesk"),
        (change_schema, "1.0"),
        (remove_description, "no description"),
    ],
)
def test_check_names_the_rule_that_a_shell_document_breaks(
    break_rule: Callable[[Document], None], problem: str
) -> None:
    document = load_session_document("gpudesk-shell")
    break_rule(document)
    (found,) = check_session_document(document)
    assert problem in found


@pytest.mark.parametrize("pattern", ["", "[0-9]+", "^.*$", "^[0-9 ]+$"])
def test_check_requires_a_strict_pattern_for_parameters(pattern: str) -> None:
    document = load_session_document("gpudesk-port")
    document["parameters"]["portNumber"]["allowedPattern"] = pattern
    assert len(check_session_document(document)) == 1
