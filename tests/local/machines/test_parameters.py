"""Parameters that SendCommand accepts and rejects, and their values."""

from typing import Any

import pytest

from local.machines.agent.parameters import build_environment, fill_in, resolve_values
from local.machines.errors import InvalidParameters

LETTERS = {"type": "String", "allowedPattern": "[a-z]+"}


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ({"type": "String"}, ["a b"], "a b"),
        ({"type": "String", "default": "d"}, None, "d"),
        ({"type": "StringList"}, ["a", "b"], ["a", "b"]),
        ({"type": "Integer"}, ["5"], 5),
        ({"type": "Boolean"}, ["true"], True),
        ({"type": "StringMap"}, ['{"a": 1}'], {"a": 1}),
        (LETTERS, ["abc"], "abc"),
        ({"type": "String", "allowedValues": ["a", "b"]}, ["b"], "b"),
    ],
)
def test_valid_parameter_is_parsed(declaration: dict[str, Any], given: list[str] | None, value: object) -> None:
    assert resolve_values({"p": declaration}, {} if given is None else {"p": given}) == {"p": value}


@pytest.mark.parametrize(
    ("declaration", "given", "problem"),
    [
        ({"type": "String"}, None, "required"),
        ({"type": "String"}, ["a", "b"], "one value"),
        ({"type": "Integer"}, ["five"], "Integer"),
        ({"type": "Integer"}, ["true"], "Integer"),
        ({"type": "Boolean"}, ["1"], "Boolean"),
        (LETTERS, ["abc; reboot"], "does not match"),
        (LETTERS, ["abc\nreboot"], "does not match"),
        ({"type": "StringList", "allowedPattern": "[a-z]+"}, ["ok", "NO"], "does not match"),
        ({"type": "String", "allowedValues": ["a", "b"]}, ["c"], "not one of"),
        ({"type": "String", "maxChars": 2}, ["abc"], "At most 2"),
        ({"type": "StringList", "minItems": 1}, [], "At least 1"),
    ],
)
def test_invalid_parameter_is_rejected(declaration: dict[str, Any], given: list[str] | None, problem: str) -> None:
    with pytest.raises(InvalidParameters, match=problem):
        resolve_values({"p": declaration}, {} if given is None else {"p": given})


def test_undeclared_parameter_is_rejected() -> None:
    with pytest.raises(InvalidParameters, match="does not declare"):
        resolve_values({}, {"p": ["x"]})


def test_single_reference_becomes_value_and_embedded_one_becomes_text() -> None:
    values = {"list": ["a", "b"], "number": 3, "text": "t"}
    template = {"a": "{{ list }}", "b": ["{{text}}", "{{ number }}/{{ list }}"], "c": "{{ other }} {{.Names}}", "d": 5}
    assert fill_in(template, values) == {
        "a": ["a", "b"],
        "b": ["t", '3/["a","b"]'],
        "c": "{{ other }} {{.Names}}",
        "d": 5,
    }


def test_value_is_not_filled_in_twice() -> None:
    assert fill_in("x {{ a }} y", {"a": "{{ b }}", "b": "secret"}) == "x {{ b }} y"


def test_only_env_var_parameters_reach_environment() -> None:
    declared = {"a": {"type": "String", "interpolationType": "ENV_VAR"}, "b": {"type": "String"}}
    assert build_environment(declared, {"a": "$(reboot)", "b": "x"}) == {"SSM_a": "$(reboot)"}
