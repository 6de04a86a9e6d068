"""Reader of the policy to replay: the default policy with the changes in a file, validated like every policy."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from chalicelib.domain.common.strict_json import JsonError, parse_json
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from chalicelib.domain.instances.spec import Policy

MAX_HOURS = 8760
"""Hours of a year: a policy to replay may exceed the limits of the desk."""

WIDE_LIMITS = Limits(
    idle_minutes=MAX_HOURS * 60,
    warning_minutes=MAX_HOURS * 60,
    max_hours=MAX_HOURS,
    min_thresholds=Thresholds(gpu_percent=1, cpu_core_percent=1, disk_kib_per_second=1, network_kib_per_second=1),
)

NUMBER_FIELDS = ("idle_minutes", "warning_minutes", "max_hours")
FIELDS = (*NUMBER_FIELDS, "signals", "thresholds")


class InvalidPolicy(ValueError):
    """The policy is invalid. The message has one line per problem."""


def read_policy(path: Path) -> Policy:
    """Read a policy from a file. Missing fields have their defaults.

    :raises OSError: the file cannot be read
    :raises InvalidPolicy: the policy is invalid; the message names all problems
    """
    try:
        plain = parse_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidPolicy(f"is not UTF-8 (byte {error.start + 1}); must be a JSON object in UTF-8") from None
    except JsonError as problem:
        raise InvalidPolicy(f"{problem}; must be a JSON object") from None
    return parse_policy(plain)


def parse_policy(plain: Any) -> Policy:
    """Return the policy that a JSON object describes.

    :raises InvalidPolicy: the policy is invalid; the message names all problems
    """
    if not isinstance(plain, dict):
        raise InvalidPolicy(
            f'is not a JSON object; must be an object such as {{"idle_minutes": 30}}, not {_quote(plain)}'
        )
    type_errors = dict(_find_type_errors(plain))
    skipped = {*type_errors, "warning_minutes"} if "idle_minutes" in type_errors else set(type_errors)
    policy = _build_policy({name: value for name, value in plain.items() if name not in type_errors})
    limit_errors = [
        f"{field} {error.message}"
        for error in validate_policy(policy.idle, policy.max_hours, WIDE_LIMITS)
        if (field := error.field.removeprefix("idle_policy.")).partition(".")[0] not in skipped
    ]
    errors = [*itertools.chain.from_iterable(type_errors.values()), *limit_errors]
    if errors:
        raise InvalidPolicy("\n".join(errors))
    return policy


def _build_policy(plain: Mapping[str, Any]) -> Policy:
    """Return the policy with these fields, whose types are right."""
    default = Policy()
    idle_minutes = plain.get("idle_minutes", default.idle.idle_minutes)
    return Policy(
        idle=replace(
            default.idle,
            idle_minutes=idle_minutes,
            warning_minutes=plain.get("warning_minutes", max(1, min(default.idle.warning_minutes, idle_minutes))),
            signals=tuple(plain.get("signals", default.idle.signals)),
            thresholds=replace(default.idle.thresholds, **plain.get("thresholds", {})),
        ),
        max_hours=plain.get("max_hours", default.max_hours),
    )


def _find_type_errors(plain: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield each field that is unknown or has a wrong type, with its messages."""
    for name in plain:
        if name not in FIELDS:
            yield name, [f"{name[:60]} is not a field of a policy; must be one of {', '.join(FIELDS)}"]
    for name in NUMBER_FIELDS:
        if name in plain and not _is_whole_number(plain[name]):
            yield name, [f"{name} must be a whole number, not {_quote(plain[name])}"]
    for name, errors in (
        ("signals", _find_signal_errors(plain.get("signals", list(SIGNALS)))),
        ("thresholds", _find_threshold_errors(plain.get("thresholds", {}))),
    ):
        if found := list(errors):
            yield name, found


def _find_signal_errors(signals: Any) -> Iterator[str]:
    requirement = f"must be a list of some of {', '.join(SIGNALS)}"
    if not isinstance(signals, list) or not signals:
        yield f"signals {requirement}, not {_quote(signals)}"
        return
    for number, name in enumerate(signals):
        if name not in SIGNALS:
            yield f"signals {requirement}, not {_quote(name)}"
        elif name in signals[:number]:
            yield f"signals must not repeat a name; {name} is there twice"


def _find_threshold_errors(thresholds: Any) -> Iterator[str]:
    known = [field.name for field in fields(Thresholds)]
    if not isinstance(thresholds, dict):
        yield f"thresholds must be an object of {', '.join(known)}, not {_quote(thresholds)}"
        return
    for name, value in thresholds.items():
        if name not in known:
            yield f"thresholds.{name[:60]} is not a threshold; must be one of {', '.join(known)}"
        elif not _is_whole_number(value) or value < 1:
            yield f"thresholds.{name} must be a whole number, 1 or more, not {_quote(value)}"


def _is_whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _quote(value: Any) -> str:
    return json.dumps(value)[:60]
