"""Checks of values from a settings file. Each error names the setting, what is wrong and what would be right."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


class InvalidDeploymentSetting(ValueError):
    """A setting of the deployment is unknown, missing or wrong. The message names it and says what is accepted."""


def require_text(setting: str, value: Any, pattern: str, accepted: str) -> str:
    """Return a text that matches a pattern.

    :param accepted: what the setting must be, for the message
    :raises InvalidDeploymentSetting: the value is missing, no text, or does not match
    """
    if value is None:
        raise InvalidDeploymentSetting(f"{setting} is missing. It must be {accepted}.")
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise InvalidDeploymentSetting(f"{setting} must be {accepted}, not {str(value)[:100]!r}.")
    return value


def check_texts(setting: str, values: Any, pattern: str, accepted: str) -> tuple[str, ...]:
    """Return a list of texts as a tuple, each once, in their order.

    :raises InvalidDeploymentSetting: the value is no list, or an entry does not match the pattern
    """
    if not isinstance(values, list):
        raise InvalidDeploymentSetting(f"{setting} must be a list of {accepted}, not {str(values)[:100]!r}.")
    return tuple(dict.fromkeys(require_text(setting, value, pattern, f"a list of {accepted}") for value in values))


def check_choice(setting: str, value: Any, choices: Sequence[int]) -> int:
    """Return a number that is one of the choices.

    :raises InvalidDeploymentSetting: it is not one of them
    """
    if isinstance(value, bool) or not isinstance(value, int) or value not in choices:
        accepted = ", ".join(map(str, choices))
        raise InvalidDeploymentSetting(f"{setting} must be one of {accepted}, not {str(value)[:100]!r}.")
    return value


def check_known_keys(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    """Check that a table has no setting that would be ignored.

    :raises InvalidDeploymentSetting: it has one
    """
    unknown = sorted(set(table) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise InvalidDeploymentSetting(f"{where}: {', '.join(unknown)} is unknown. Settings are {names}.")
