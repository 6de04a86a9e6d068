"""Parameters of a document: checks as in SendCommand, and replacement of `{{ name }}` as in the agent.

A parameter with `interpolationType: ENV_VAR` becomes the environment variable `SSM_<name>`. `{{ name }}` is
replaced as well, as by agents older than 3.3.2746.0. So a document that is safe here is safe with old and new agents.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.machines.errors import InvalidParameters

NAME = re.compile(r"[a-zA-Z0-9]+")
REFERENCE = re.compile(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}")


def resolve_values(declared: Mapping[str, Any], arguments: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the values by name, including defaults.

    :raises InvalidParameters: a parameter is unknown, missing, of the wrong type or not allowed
    """
    unknown = sorted(set(arguments) - set(declared))
    if unknown:
        raise InvalidParameters(f"The document does not declare the parameters {unknown}.")
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        if name in arguments:
            values[name] = _parse_value(name, declaration, list(arguments[name]))
        elif "default" in declaration:
            values[name] = declaration["default"]
        else:
            raise InvalidParameters(f"Parameter {name} is required and has no value.")
        _check_value(name, declaration, values[name])
    return values


def fill_in(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a part of a document with each `{{ name }}` replaced.

    A string that consists of one reference becomes the value itself, for example a list.
    """
    if isinstance(template, str):
        reference = REFERENCE.fullmatch(template)
        if reference and reference[1] in values:
            return values[reference[1]]
        return REFERENCE.sub(lambda match: _embed(values[match[1]]) if match[1] in values else match[0], template)
    if isinstance(template, Mapping):
        return {key: fill_in(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_in(item, values) for item in template]
    return template


def build_environment(declared: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of the parameters with `interpolationType: ENV_VAR`."""
    return {
        f"SSM_{name}": _to_text(values[name])
        for name, declaration in declared.items()
        if declaration.get("interpolationType") == "ENV_VAR"
    }


def _parse_value(name: str, declaration: Mapping[str, Any], words: list[str]) -> Any:
    kind = declaration.get("type", "String")
    if kind == "StringList":
        return words
    if len(words) != 1:
        raise InvalidParameters(f"Parameter {name} is a {kind} and takes one value, not {len(words)}.")
    if kind == "String":
        return words[0]
    try:
        value = json.loads(words[0])
    except ValueError:
        value = None
    expected: dict[str, type] = {"Integer": int, "Boolean": bool, "StringMap": dict, "MapList": list}
    if type(value) is not expected.get(kind):
        raise InvalidParameters(f"Parameter {name} must be a {kind}, not {words[0]!r}.")
    return value


def _check_value(name: str, declaration: Mapping[str, Any], value: Any) -> None:
    items = value if isinstance(value, list) else [value]
    texts = [_to_text(item) for item in items]
    allowed = [_to_text(value) for value in declaration.get("allowedValues", [])]
    pattern = declaration.get("allowedPattern")
    for text in texts:
        if allowed and text not in allowed:
            raise InvalidParameters(f"Parameter {name}: {text!r} is not one of {allowed}.")
        if pattern and not re.fullmatch(pattern, text):
            raise InvalidParameters(f"Parameter {name}: {text!r} does not match {pattern}.")
        _check_size(name, "characters", len(text), declaration.get("minChars"), declaration.get("maxChars"))
    if isinstance(value, list):
        _check_size(name, "items", len(value), declaration.get("minItems"), declaration.get("maxItems"))


def _check_size(name: str, unit: str, size: int, least: Any, most: Any) -> None:
    if least is not None and size < int(least):
        raise InvalidParameters(f"Parameter {name} has {size} {unit}. At least {least} are required.")
    if most is not None and size > int(most):
        raise InvalidParameters(f"Parameter {name} has {size} {unit}. At most {most} are allowed.")


def _embed(value: Any) -> str:
    """Return the text of a value within a longer text. For the sake of old documents, the agent halves `$$`.

    https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/docparser/parameters/parameters.go
    (ReplaceParameter)
    """
    return _to_text(value).replace("$$", "$")


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
