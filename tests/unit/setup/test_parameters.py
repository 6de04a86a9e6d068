"""Parameters of recipes: invalid definitions, and invalid values in requests."""

from typing import Any

import pytest

from chalicelib.domain.setup.parameters import (
    InvalidRecipe,
    Parameter,
    ParameterValue,
    format_values,
    parse_parameters,
    resolve_values,
    to_ssm_value,
)

RELEASE = {
    "type": "String",
    "default": "1.0.3",
    "allowed_pattern": "^[0-9]{1,2}(\\.[0-9]{1,3}){0,2}$",
    "pattern_description": "a release such as 1.0.3",
    "description": "Which release of the book.",
}
NOTEBOOKS = {"type": "Boolean", "default": True, "description": "Whether to fetch the notebooks."}
WORKERS = {"type": "Integer", "default": 4, "description": "How many to start."}


def parse(**entries: Any) -> dict[str, Parameter]:
    return parse_parameters("mine", entries)


KNOWN = parse(release=RELEASE, notebooks=NOTEBOOKS, workers=WORKERS)


def test_parameter_that_is_not_given_has_its_default() -> None:
    assert resolve_values({}, KNOWN) == ({"release": "1.0.3", "notebooks": True, "workers": 4}, [])


def test_previous_value_stays_unless_a_new_one_is_given() -> None:
    before: dict[str, ParameterValue] = {"release": "0.17", "workers": 2, "of_an_older_recipe": 1}
    assert resolve_values({"workers": 8}, KNOWN, before)[0] == {"release": "0.17", "notebooks": True, "workers": 8}


def test_values_are_strings_for_ssm() -> None:
    assert [to_ssm_value(each) for each in (True, False, 7, "x")] == ["true", "false", "7", "x"]
    assert format_values({"notebooks": False, "workers": 2}) == "notebooks=false, workers=2"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("release", "1.0; id", 'must be a release such as 1.0.3, not the text "1.0; id"'),
        ("release", "1.0\n", "must be a release"),
        ("release", 1, "must be a release such as 1.0.3, not 1"),
        ("notebooks", "true", 'must be true or false, not the text "true"'),
        ("notebooks", 1, "must be true or false, not 1"),
        ("workers", True, "must be a whole number from 0 to 999999999, not true"),
        ("workers", "4", 'not the text "4"'),
        ("workers", -1, "not -1"),
        ("workers", 10**9, "not 1000000000"),
        ("relaese", "1.0", "unknown parameter. Did you mean release?"),
        ("zzz", "1.0", "unknown parameter. This recipe has release, notebooks and workers."),
    ],
)
def test_error_of_a_wrong_value_names_the_accepted_values(name: str, value: str | int | bool, words: str) -> None:
    _, errors = resolve_values({name: value}, KNOWN)
    assert [error.field for error in errors] == [f"parameters.{name}"]
    assert words in errors[0].message


def test_error_says_that_the_recipe_has_no_parameters() -> None:
    _, (error,) = resolve_values({"release": "1"}, {})
    assert error.message == "unknown parameter. This recipe has no parameters."


@pytest.mark.parametrize(
    "pattern",
    [
        "^.*$",
        "^.$",
        "^[^a]+$",
        "^[a-z ]+$",
        "^[ -~]+$",
        "^[A-z]+$",
        "^[+-a]+$",
        "^[a-z'-]+$",
        '^[a-z"]+$',
        "^[a-z$]+$",
        "^[a-z`]+$",
        "^[a-z\\\\]+$",
        "^[a-z\\n]+$",
        "^a\\sb$",
        "^\\S+$",
        "^\\W$",
        "^\\x24$",
        "^(?!a)b$",
        "^a|$(b)$",
        "^[a-z;]+$",
        "[a-z]+",
        "^[a-z]+",
        "^[a-z]+$\n",
        "^\\u0024$",
        "^[[:print:]]+$",
    ],
)
def test_pattern_that_might_match_shell_characters_is_invalid(pattern: str) -> None:
    with pytest.raises(InvalidRecipe, match=r"'mine', parameter 'release': allowed_pattern"):
        parse(release=RELEASE | {"allowed_pattern": pattern, "default": "a"})


@pytest.mark.parametrize(
    ("pattern", "default"),
    [
        ("^(|https?://[A-Za-z0-9._:/@%-]{1,200})$", ""),
        ("^[a-z][a-z0-9.+-]{0,40}$", "a1"),
        ("^(cu[0-9]{3}|cpu)$", "cu126"),
        ("^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$", "a.b-c"),
        ("^(?:\\d+\\.)?\\d+$", "1.2"),
    ],
)
def test_useful_patterns_are_valid(pattern: str, default: str) -> None:
    assert parse(release=RELEASE | {"allowed_pattern": pattern, "default": default})["release"].accepts(default)


@pytest.mark.parametrize(
    "name",
    ["token", "hf_token", "password", "db_password", "secret", "key", "api_key", "ssh_keys", "apikey", "credentials"],
)
def test_name_that_looks_like_a_secret_is_invalid(name: str) -> None:
    with pytest.raises(InvalidRecipe, match="looks like a secret"):
        parse(**{name: RELEASE})


@pytest.mark.parametrize("name", ["monkey_patch", "keyboard", "turkey"])
def test_similar_names_are_not_secrets(name: str) -> None:
    assert list(parse(**{name: RELEASE})) == [name]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"default": "latest"}, "the default must be a release such as 1.0.3"),
        ({"type": "StringList"}, "type must be String, Integer or Boolean, not 'StringList'"),
        ({"allowed_pattern": "^[a-z$"}, "allowed_pattern"),
        ({"allowed_pattern": "^(a$", "default": "a"}, "missing"),
        ({"pattern_description": ""}, "must have a pattern_description"),
        ({"description": ""}, "and a description"),
    ],
)
def test_error_of_an_invalid_parameter_names_the_problem(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRecipe, match=words):
        parse(release=RELEASE | changes)


@pytest.mark.parametrize("missing", ["type", "default", "description"])
def test_missing_field_of_a_parameter_is_named(missing: str) -> None:
    with pytest.raises(InvalidRecipe, match=f"lacks '{missing}'"):
        parse(release={name: value for name, value in RELEASE.items() if name != missing})


@pytest.mark.parametrize("name", ["Release", "a-b", "1st", "a__b", "_a", ""])
def test_name_must_be_words_joined_by_underscores(name: str) -> None:
    with pytest.raises(InvalidRecipe, match="the name must be words"):
        parse(**{name: RELEASE})
