"""The Session documents: what they let in."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.sessions.connect import JUPYTER_TOKEN_FILE
from chalicelib.domain.sessions.session import DOCUMENT_BY_KIND, SSH_USER
from ssm_documents.session_documents import USER, check_session, session_document, session_names

Document = dict[str, Any]


@pytest.mark.parametrize("name", session_names())
def test_every_document_is_clean(name: str) -> None:
    assert check_session(session_document(name)) == []


def test_there_are_the_documents_that_the_desk_starts_and_no_others() -> None:
    assert set(session_names()) == set(DOCUMENT_BY_KIND.values())
    assert USER == SSH_USER


@pytest.mark.parametrize("parameter", ["portNumber", "localPortNumber"])
def test_a_port_is_a_port(parameter: str) -> None:
    pattern = session_document("gpudesk-port")["parameters"][parameter]["allowedPattern"]
    assert all(re.fullmatch(pattern, str(port)) for port in (1, 22, 8888, 9999, 10000, 59999, 65535))
    wrong = ("0", "65536", "99999", "-1", "08", "http", "22;id", "", "22\n")
    assert not any(re.fullmatch(pattern, text) for text in wrong)


def test_the_token_is_printed_from_where_it_is_kept() -> None:
    assert JUPYTER_TOKEN_FILE in session_document("gpudesk-jupyter-token")["properties"]["linux"]["commands"]


def as_root(document: Document) -> None:
    document["inputs"]["runAsEnabled"] = False


def for_ever(document: Document) -> None:
    document["inputs"]["idleSessionTimeout"] = ""


def logged(document: Document) -> None:
    document["inputs"]["cloudWatchLogGroupName"] = "sessions"


def spliced(document: Document) -> None:
    document["inputs"]["shellProfile"]["linux"] = "cd {{ folder }}"


def of_another_kind(document: Document) -> None:
    document["sessionType"] = "NonInteractiveCommands"


def of_another_schema(document: Document) -> None:
    document["schemaVersion"] = "2.2"


def without_words(document: Document) -> None:
    document["description"] = ""


@pytest.mark.parametrize(
    ("breaks", "problem"),
    [
        (as_root, "must run as ubuntu"),
        (for_ever, "idleSessionTimeout"),
        (logged, "would be logged"),
        (spliced, "spliced"),
        (of_another_kind, "is none of ours"),
        (of_another_schema, "1.0"),
        (without_words, "no description"),
    ],
)
def test_a_shell_that_breaks_a_rule_is_no_document(breaks: Callable[[Document], None], problem: str) -> None:
    document = session_document("gpudesk-shell")
    breaks(document)
    (found,) = check_session(document)
    assert problem in found


@pytest.mark.parametrize("pattern", ["", "[0-9]+", "^.*$", "^[0-9 ]+$"])
def test_a_parameter_of_a_session_is_bounded(pattern: str) -> None:
    document = session_document("gpudesk-port")
    document["parameters"]["portNumber"]["allowedPattern"] = pattern
    assert len(check_session(document)) == 1
