"""Rules that every Command document must follow, and the documents that break them."""

from collections.abc import Callable

import pytest

from ssm_documents.check import SHELL_METACHARACTERS, check_document
from ssm_documents.compose import list_document_names
from tests.support.documents import PROBE, Document, copy_document, get_lines


@pytest.mark.parametrize("name", list_document_names())
def test_every_document_passes_the_check(name: str) -> None:
    assert check_document(copy_document(name)) == []


def remove_pattern(document: Document) -> None:
    del document["parameters"]["gpuCount"]["allowedPattern"]


def accept_everything(document: Document) -> None:
    document["parameters"]["gpuCount"]["allowedPattern"] = "^.*$"


def remove_parameter_description(document: Document) -> None:
    document["parameters"]["gpuCount"]["description"] = ""


def remove_interpolation_type(document: Document) -> None:
    del document["parameters"]["gpuCount"]["interpolationType"]


def make_parameter_a_list(document: Document) -> None:
    document["parameters"]["gpuCount"]["type"] = "StringList"


def remove_attempt_id(document: Document) -> None:
    del document["parameters"]["attemptId"]


def change_schema(document: Document) -> None:
    document["schemaVersion"] = "1.2"


def remove_description(document: Document) -> None:
    document["description"] = ""


def exceed_size(document: Document) -> None:
    get_lines(document, 0).extend(["# padding"] * 10_000)


def repeat_name(document: Document) -> None:
    document["mainSteps"][1]["name"] = "inspect"


def put_space_in_name(document: Document) -> None:
    document["mainSteps"][1]["name"] = "a b"


def change_action(document: Document) -> None:
    document["mainSteps"][0]["action"] = "aws:softwareInventory"


def continue_after_failure(document: Document) -> None:
    document["mainSteps"][0]["onFailure"] = document["mainSteps"][0]["inputs"].pop("onFailure")


def remove_timeout(document: Document) -> None:
    del document["mainSteps"][0]["inputs"]["timeoutSeconds"]


def shorten_timeout(document: Document) -> None:
    document["mainSteps"][0]["inputs"]["timeoutSeconds"] = "4"


def replace_shebang(document: Document) -> None:
    get_lines(document, 0)[0] = "#!/bin/sh"


def remove_fallback_line(document: Document) -> None:
    del get_lines(document, 0)[1]


def remove_strict_mode(document: Document) -> None:
    get_lines(document, 0).remove("set -euo pipefail")


def insert_parameter(document: Document) -> None:
    get_lines(document, 0).append("echo {{ gpuCount }}")


@pytest.mark.parametrize(
    ("break_rule", "problem"),
    [
        (remove_pattern, "parameter gpuCount has no allowedPattern"),
        (accept_everything, "allowedPattern of parameter gpuCount accepts"),
        (remove_parameter_description, "parameter gpuCount has no description"),
        (remove_interpolation_type, "parameter gpuCount is not passed as an environment variable"),
        (make_parameter_a_list, "parameter gpuCount is not of type String"),
        (remove_attempt_id, "there is no parameter attemptId"),
        (change_schema, "schemaVersion is not 2.2"),
        (remove_description, "the document has no description"),
        (exceed_size, "bytes, the limit of SSM is 65536"),
        (repeat_name, "two steps have the same name"),
        (put_space_in_name, "SSM does not accept the step name 'a b'"),
        (change_action, "step inspect is not a shell script"),
        (continue_after_failure, "step inspect does not stop the document when it fails"),
        (remove_timeout, "step inspect has no timeoutSeconds"),
        (shorten_timeout, "step inspect has no timeoutSeconds"),
        (replace_shebang, "step inspect does not begin with the shebang of bash"),
        (remove_fallback_line, "step inspect does not begin with the fallback lines"),
        (remove_strict_mode, "step inspect lacks set -euo pipefail"),
        (insert_parameter, "step inspect inserts a parameter into its script"),
    ],
)
def test_check_names_the_rule_that_a_document_breaks(break_rule: Callable[[Document], None], problem: str) -> None:
    document = copy_document(PROBE)
    break_rule(document)
    assert any(problem in each for each in check_document(document))


@pytest.mark.parametrize("character", SHELL_METACHARACTERS)
def test_check_finds_a_pattern_that_accepts_one_metacharacter(character: str) -> None:
    document = copy_document(PROBE)
    escaped = "\\" + character if character != "\n" else "\\n"
    document["parameters"]["gpuCount"]["allowedPattern"] = f"^[a-z0-9{escaped}-]+$"
    assert any("accepts" in problem for problem in check_document(document))
