"""Parameters of recipes: their types, defaults and allowed patterns, and the values that people send.

A shell script receives a parameter in its environment. Old SSM agents insert it between single quotes instead. So an
allowed pattern is written in a small subset of regular expressions, which cannot match a quote, `$`, backtick,
backslash, newline or space. A recipe with any other pattern is invalid. Everyone who can read SSM commands can read
their parameters, so a parameter whose name looks like a secret is invalid too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.domain.common.accepted_values import find_similar_name
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import join_and, join_or

ParameterValue = str | int | bool
"""Value of a parameter in JSON."""

PARAMETER_NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

SECRET_NAME_PATTERN = re.compile(r"token|passw|passphrase|secret|credential|(^|_)(api|access|private|ssh)?keys?(_|$)")

SAFE_PATTERN = re.compile(
    r"""\^(?:
      \[-?(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[A-Za-z0-9_.:/@%+=,~]|\\[.+/-])+-?\]   # a class, not negated
    | [A-Za-z0-9_:/@%=,~-] | \\[.+/-] | \\d                                              # the character itself
    | \(\?: | [()|?*+] | \{[0-9]{1,3}(?:,[0-9]{0,3})?\}                                  # groups and repetitions
    )*\$""",
    re.VERBOSE,
)
"""Grammar of the patterns that are allowed. Python and SSM interpret such a pattern in the same way, and it matches no
character that a shell interprets."""

MAX_SHOWN_CHARACTERS = 40


class InvalidRecipe(ValueError):
    """A recipe is invalid. The message says where and why."""


class ParameterType(StrEnum):
    """JSON type of a parameter. SSM receives every value as a string."""

    STRING = "String"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"


DEFAULT_PATTERNS: Mapping[ParameterType, tuple[str, str]] = {
    ParameterType.BOOLEAN: ("^(true|false)$", "true or false"),
    ParameterType.INTEGER: ("^[0-9]{1,9}$", "a whole number from 0 to 999999999"),
}
"""Allowed pattern and its description for the types that do not require their own."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that people can set when they request a recipe.

    :param allowed_pattern: regular expression that the whole value, as SSM receives it, must match
    :param pattern_description: accepted values, worded to follow "must be"
    """

    name: str
    type: ParameterType
    default: ParameterValue
    allowed_pattern: str
    pattern_description: str
    description: str

    def accepts(self, value: ParameterValue) -> bool:
        """Return whether the value has the right type and matches the pattern."""
        return self._is_of_type(value) and re.fullmatch(self.allowed_pattern, to_ssm_value(value)) is not None

    def _is_of_type(self, value: ParameterValue) -> bool:
        match self.type:
            case ParameterType.STRING:
                return isinstance(value, str)
            case ParameterType.INTEGER:
                return isinstance(value, int) and not isinstance(value, bool)
            case ParameterType.BOOLEAN:
                return isinstance(value, bool)


def to_ssm_value(value: ParameterValue) -> str:
    """Return the value as the string that SSM receives."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_values(values: Mapping[str, ParameterValue]) -> str:
    """Return the values as text: "release=1.0.3, notebooks=true"."""
    return ", ".join(f"{name}={to_ssm_value(value)}" for name, value in values.items())


def parse_parameters(recipe: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Parameter]:
    """Return the parameters of a recipe, in the order of its JSON.

    :param recipe: name of the recipe, for error messages
    :raises InvalidRecipe: a parameter is incomplete or not safe
    """
    return {name: _parse(f"Recipe {recipe!r}, parameter {name!r}", name, entry) for name, entry in entries.items()}


def resolve_values(
    given: Mapping[str, ParameterValue],
    known: Mapping[str, Parameter],
    previous: Mapping[str, ParameterValue] | None = None,
) -> tuple[dict[str, ParameterValue], list[FieldError]]:
    """Return a value for each known parameter, and the errors of the given values.

    :param given: values of the request
    :param previous: values of an earlier request or of an image, for parameters that are not given
    """
    errors = [
        FieldError(f"parameters.{name[:60]}", _describe_unknown(name, known)) for name in given if name not in known
    ]
    values: dict[str, ParameterValue] = {}
    for name, parameter in known.items():
        value = given.get(name, (previous or {}).get(name, parameter.default))
        values[name] = value
        if not parameter.accepts(value):
            message = f"must be {parameter.pattern_description}, not {_format_for_message(value)}"
            errors.append(FieldError(f"parameters.{name}", message))
    return values, errors


def _parse(where: str, name: str, entry: Mapping[str, Any]) -> Parameter:
    if not PARAMETER_NAME_PATTERN.fullmatch(name):
        raise InvalidRecipe(f"{where}: the name must be words of lower-case letters and digits, joined by _.")
    if SECRET_NAME_PATTERN.search(name):
        raise InvalidRecipe(
            f"{where} looks like a secret. SSM shows parameters to everyone who can read commands, so a parameter must "
            "not be a secret."
        )
    try:
        parameter_type = ParameterType(entry["type"])
        pattern, pattern_description = DEFAULT_PATTERNS.get(parameter_type, ("", ""))
        parameter = Parameter(
            name=name,
            type=parameter_type,
            default=entry["default"],
            allowed_pattern=entry.get("allowed_pattern", pattern),
            pattern_description=entry.get("pattern_description", pattern_description),
            description=entry["description"],
        )
    except KeyError as missing:
        raise InvalidRecipe(f"{where} lacks {missing}.") from missing
    except ValueError as error:
        types = join_or(ParameterType)
        raise InvalidRecipe(f"{where}: type must be {types}, not {entry['type']!r}.") from error
    _validate(where, parameter)
    return parameter


def _validate(where: str, parameter: Parameter) -> None:
    pattern = parameter.allowed_pattern
    if not SAFE_PATTERN.fullmatch(pattern):
        raise InvalidRecipe(
            f"{where}: allowed_pattern {pattern!r} might match what a shell interprets. It must be ^...$ with "
            r"letters, digits, _ : / @ % = , ~ - \. \+ \d, classes such as [A-Za-z0-9_.-], groups, ? * + and {m,n}."
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidRecipe(f"{where}: allowed_pattern {pattern!r} is not a regular expression: {error}.") from error
    if not parameter.pattern_description or not parameter.description:
        raise InvalidRecipe(f"{where} must have a pattern_description and a description.")
    if not parameter.accepts(parameter.default):
        raise InvalidRecipe(f"{where}: the default must be {parameter.pattern_description}.")


def _describe_unknown(name: str, known: Mapping[str, Parameter]) -> str:
    if not known:
        return "unknown parameter. This recipe has no parameters."
    close = find_similar_name(name, known)
    if close:
        return f"unknown parameter. Did you mean {close}?"
    return f"unknown parameter. This recipe has {join_and(known)}."


def _format_for_message(value: ParameterValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    shortened = text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."
    return f"the text {shortened}" if isinstance(value, str) else shortened
