"""What a recipe lets people choose: each parameter with its type, what it may be, and what it is where nobody says.

A parameter reaches a shell script by its environment, and on old agents between single quotes. So its pattern comes
from a small language in which no quote, `$`, backtick, backslash, newline or space can be admitted; whatever else a
pattern says is refused when recipes are read. SSM keeps parameters for all to read: what looks like a secret cannot be
one.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.domain.common.errors import FieldError

ParameterValue = str | int | bool
"""As it stands in JSON."""

PARAMETER_NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

SECRET_NAME_PATTERN = re.compile(r"token|passw|passphrase|secret|credential|(^|_)(api|access|private|ssh)?keys?(_|$)")

SAFE_PATTERN = re.compile(
    r"""\^(?:
      \[-?(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[A-Za-z0-9_.:/@%+=,~]|\\[.+/-])+-?\]   # a class, never a negated one
    | [A-Za-z0-9_:/@%=,~-] | \\[.+/-] | \\d                                              # itself
    | \(\?: | [()|?*+] | \{[0-9]{1,3}(?:,[0-9]{0,3})?\}                                  # groups, and how often
    )*\$""",
    re.VERBOSE,
)
"""What a pattern may be made of: read alike by Python here and by SSM there; it admits nothing that a shell reads."""

MAX_SHOWN_CHARACTERS = 40


class InvalidRecipe(ValueError):
    """The recipe cannot be followed; the message says where and why."""


class ParameterType(StrEnum):
    """What a parameter is in JSON; to SSM all are texts."""

    STRING = "String"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"


DEFAULT_PATTERNS: Mapping[ParameterType, tuple[str, str]] = {
    ParameterType.BOOLEAN: ("^(true|false)$", "true or false"),
    ParameterType.INTEGER: ("^[0-9]{1,9}$", "a whole number from 0 to 999999999"),
}
"""Pattern and words of those that need not say them."""


@dataclass(frozen=True)
class Parameter:
    """One thing to choose.

    :param allowed_pattern: for the whole text that SSM is given
    :param pattern_description: the end of the sentence "must be ..."
    """

    name: str
    type: ParameterType
    default: ParameterValue
    allowed_pattern: str
    pattern_description: str
    description: str

    def accepts(self, value: ParameterValue) -> bool:
        """Whether it may be that: of its type, to the letter."""
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
    """As SSM is given it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_values(values: Mapping[str, ParameterValue]) -> str:
    """For a sentence: "release=1.0.3, notebooks=true"."""
    return ", ".join(f"{name}={to_ssm_value(value)}" for name, value in values.items())


def parse_parameters(recipe: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Parameter]:
    """The parameters from a recipe's JSON, in its order.

    :raises MalformedRecipe: one of them is none, or is not safe
    """
    return {name: _parse(f"recipe {recipe!r}, parameter {name!r}", name, entry) for name, entry in entries.items()}


def resolve_values(
    given: Mapping[str, ParameterValue],
    known: Mapping[str, Parameter],
    previous: Mapping[str, ParameterValue] | None = None,
) -> tuple[dict[str, ParameterValue], list[FieldError]]:
    """What is given, what was chosen before, and the defaults for the rest.

    :returns: a value for each known parameter, and what is wrong with those given
    """
    errors = [FieldError(f"parameters.{name[:60]}", _unknown(name, known)) for name in given if name not in known]
    values: dict[str, ParameterValue] = {}
    for name, parameter in known.items():
        value = given.get(name, (previous or {}).get(name, parameter.default))
        values[name] = value
        if not parameter.accepts(value):
            right = f"must be {parameter.pattern_description}, not {_shown(value)}"
            errors.append(FieldError(f"parameters.{name}", right))
    return values, errors


def _parse(where: str, name: str, entry: Mapping[str, Any]) -> Parameter:
    if not PARAMETER_NAME_PATTERN.fullmatch(name):
        raise InvalidRecipe(f"{where}: a name is words of lower-case letters and digits, joined by _")
    if SECRET_NAME_PATTERN.search(name):
        raise InvalidRecipe(f"{where} looks like a secret; SSM keeps parameters for all to read, so none may be one")
    try:
        kind = ParameterType(entry["type"])
        pattern, words = DEFAULT_PATTERNS.get(kind, ("", ""))
        parameter = Parameter(
            name=name,
            type=kind,
            default=entry["default"],
            allowed_pattern=entry.get("allowed_pattern", pattern),
            pattern_description=entry.get("pattern_description", words),
            description=entry["description"],
        )
    except KeyError as missing:
        raise InvalidRecipe(f"{where} lacks {missing}") from missing
    except ValueError as wrong:
        raise InvalidRecipe(f"{where}: {wrong}; there is {', '.join(ParameterType)}") from wrong
    _check(where, parameter)
    return parameter


def _check(where: str, parameter: Parameter) -> None:
    pattern = parameter.allowed_pattern
    if not SAFE_PATTERN.fullmatch(pattern):
        raise InvalidRecipe(
            f"{where}: allowed_pattern {pattern!r} might admit what a shell reads. It must be ^...$ of letters, "
            r"digits, _ : / @ % = , ~ - \. \+ \d, classes such as [A-Za-z0-9_.-], groups, and ? * + {m,n}"
        )
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise InvalidRecipe(f"{where}: allowed_pattern {pattern!r}: {wrong}") from wrong
    if not parameter.pattern_description or not parameter.description:
        raise InvalidRecipe(f"{where} must say in words what it may be (pattern_description) and what it is for")
    if not parameter.accepts(parameter.default):
        raise InvalidRecipe(f"{where}: its default is not {parameter.pattern_description}")


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    if not known:
        return "unknown parameter; this recipe takes none"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return (
        f"unknown parameter; did you mean {close[0]}?" if close else f"unknown parameter; there is {', '.join(known)}"
    )


def _shown(value: ParameterValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    cut = text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."
    return f"the text {cut}" if isinstance(value, str) else cut
