"""Checks of values from a settings file. Each error names the setting, what is wrong and what would be right."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chalicelib.settings import STAGE_PATTERN
from deploy.regions import PARTITION, find_missing_services, find_partition

MAX_PORT = 65_535


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


def check_ports(setting: str, values: Any, known: Collection[int]) -> tuple[int, ...]:
    """Return a list of ports as a tuple, each once.

    :param known: ports that need no setting
    :raises InvalidDeploymentSetting: the value is no list, or an entry is no port or is known
    """
    if not isinstance(values, list):
        raise InvalidDeploymentSetting(f"{setting} must be a list of ports, not {str(values)[:100]!r}.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PORT:
            raise InvalidDeploymentSetting(f"{setting} must be a list of ports from 1 to {MAX_PORT}, not {value!r}.")
        if value in known:
            raise InvalidDeploymentSetting(f"{setting}: port {value} is open without a setting. Remove it.")
    return tuple(dict.fromkeys(values))


def check_known_keys(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    """Check that a table has no setting that would be ignored.

    :raises InvalidDeploymentSetting: it has one
    """
    unknown = sorted(set(table) - known)
    if unknown:
        names = ", ".join(sorted(known))
        verb = "is" if len(unknown) == 1 else "are"
        raise InvalidDeploymentSetting(f"{where}: {', '.join(unknown)} {verb} unknown. Settings are {names}.")


def check_stage(stage: str) -> None:
    """Check the name of a stage.

    :raises InvalidDeploymentSetting: it has other characters than lower-case letters and digits, or is too long
    """
    if not re.fullmatch(STAGE_PATTERN, stage, re.ASCII):
        message = (
            f"The stage must begin with a lower-case letter and have at most 12 lower-case letters and digits, not "
            f"{stage[:40]!r}."
        )
        raise InvalidDeploymentSetting(message)


def check_region(setting: str, region: str, services: tuple[str, ...]) -> None:
    """Check that AWS has a region, and the services in it.

    :raises InvalidDeploymentSetting: botocore does not know the region, or a service has no endpoint there, or the
        region is in another partition, such as aws-cn
    """
    partition = find_partition(region)
    if partition is None:
        raise InvalidDeploymentSetting(
            f"{setting}: AWS has no region {region[:40]!r}. A region is us-east-1, for example."
        )
    if partition != PARTITION:
        raise InvalidDeploymentSetting(
            f"{setting}: region {region} is in the partition {partition}, where gpudesk has not been tried. Choose a "
            f"region of the partition {PARTITION}, such as us-east-1."
        )
    missing = find_missing_services(region, services)
    if missing:
        raise InvalidDeploymentSetting(
            f"{setting}: region {region} does not have {', '.join(missing)}. Choose another one."
        )
