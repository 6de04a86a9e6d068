"""Documents that CreateDocument accepts and rejects."""

import json
from typing import Any

import pytest

from local.machines.agent.agent import run_document
from local.machines.agent.documents import BUILT_IN, MAX_BYTES, validate_document
from local.machines.agent.shell import Cancellation
from local.machines.errors import DocumentTooLarge, InvalidDocument

from .build import document, invocation, shell_step
from .test_agent import FakeShell

GOOD = document(shell_step("one", "echo {{ who }}"), parameters={"who": {"type": "String"}})


def test_valid_document_is_parsed_from_json_and_yaml() -> None:
    assert validate_document(json.dumps(GOOD)) == GOOD
    yaml = """
schemaVersion: "2.2"
mainSteps:
  - {name: one, action: "aws:runShellScript", inputs: {runCommand: [ls]}}
"""
    assert validate_document(yaml, "YAML")["mainSteps"][0]["name"] == "one"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ({**GOOD, "schemaVersion": "0.3"}, "schemaVersion"),
        ({**GOOD, "mainStep": []}, "mainStep"),
        (document(), "at least one step"),
        (document(shell_step("one", "ls"), shell_step("one", "ls")), "used twice"),
        (document(shell_step("one two", "ls")), "Step name"),
        (document({"action": "aws:fly", "name": "one", "inputs": {}}), "does not exist"),
        (document({"action": "aws:runShellScript", "name": "one", "inputs": {}}), "no runCommand"),
        (document(shell_step("one", "{{ who }}")), "not declared"),
        (document(shell_step("one", "ls"), parameters={"a-b": {"type": "String"}}), "letters and digits"),
        (document(shell_step("one", "ls"), parameters={"a": {"type": "Text"}}), "needs a type"),
        (
            document(shell_step("one", "ls"), parameters={"a": {"type": "String", "allowedPattern": "("}}),
            "not a valid pattern",
        ),
        (
            document(shell_step("one", "ls"), parameters={"a": {"type": "StringList", "interpolationType": "ENV_VAR"}}),
            "only a String parameter",
        ),
    ],
)
def test_invalid_document_is_rejected_with_reason(content: str | dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        validate_document(content if isinstance(content, str) else json.dumps(content))


def test_document_over_64_kb_is_rejected() -> None:
    with pytest.raises(DocumentTooLarge):
        validate_document(json.dumps(document(shell_step("one", "#" * MAX_BYTES))))


def test_run_shell_script_of_aws_runs_as_published() -> None:
    shell = FakeShell()
    command = invocation(BUILT_IN["AWS-RunShellScript"], commands=["a", "b"], executionTimeout=["60"])
    result = run_document(command, shell, {}, Cancellation())
    assert [(step.name, step.status) for step in result.steps] == [("aws:runShellScript", "Success")]
    assert (shell.ran[0].text, shell.ran[0].timeout, shell.ran[0].folder) == ("a\nb\n", 60, None)
