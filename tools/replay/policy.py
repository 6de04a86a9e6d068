"""The policy to try: the desk's own, changed by what a file says, and checked as the desk checks one."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from chalicelib.domain.common.strict_json import JsonError, parse_json
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.policy import SIGNALS, Thresholds
from chalicelib.domain.instances.spec import Policy

MAX_HOURS = 8760
"""A year: a policy that is tried may go further than an admin would allow."""

OPEN = Limits(
    idle_minutes=MAX_HOURS * 60,
    warning_minutes=MAX_HOURS * 60,
    max_hours=MAX_HOURS,
    min_thresholds=Thresholds(gpu_percent=1, cpu_core_percent=1, disk_kib_per_second=1, network_kib_per_second=1),
)

NUMBERS = ("idle_minutes", "warning_minutes", "max_hours")
KNOWN = (*NUMBERS, "signals", "thresholds")


class InvalidPolicy(ValueError):
    """The policy cannot be tried; a line for each thing that is wrong with it."""


def read_policy(path: Path) -> Policy:
    """The policy of a file; what it does not say is the desk's default.

    :raises OSError: the file cannot be read
    :raises WrongPolicy: with everything that is wrong
    """
    try:
        plain = parse_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidPolicy(f"is no UTF-8 (byte {error.start + 1}); must be a JSON object in UTF-8") from None
    except JsonError as wrong:
        raise InvalidPolicy(f"{wrong}; must be a JSON object that says each field once") from None
    return policy_from(plain)


def policy_from(plain: Any) -> Policy:
    """:raises WrongPolicy: with everything that is wrong"""
    if not isinstance(plain, dict):
        raise InvalidPolicy(f'is not a JSON object; must be such as {{"idle_minutes": 30}}, not {_named(plain)}')
    malformed = list(_malformed(plain))
    if malformed:
        raise InvalidPolicy("\n".join(malformed))
    default = Policy()
    idle_minutes = plain.get("idle_minutes", default.idle.idle_minutes)
    policy = Policy(
        idle=replace(
            default.idle,
            idle_minutes=idle_minutes,
            warning_minutes=plain.get("warning_minutes", max(1, min(default.idle.warning_minutes, idle_minutes))),
            signals=tuple(plain.get("signals", default.idle.signals)),
            thresholds=replace(default.idle.thresholds, **plain.get("thresholds", {})),
        ),
        max_hours=plain.get("max_hours", default.max_hours),
    )
    wrong = [
        f"{error.field.removeprefix('idle_policy.')} {error.message}"
        for error in validate_policy(policy.idle, policy.max_hours, OPEN)
    ]
    if wrong:
        raise InvalidPolicy("\n".join(wrong))
    return policy


def _malformed(plain: dict[str, Any]) -> Iterator[str]:
    """What is of the wrong kind, before anything can be judged by its value."""
    for name in plain:
        if name not in KNOWN:
            yield f"{name[:60]} is no field of a policy; must be one of {', '.join(KNOWN)}"
    for name in NUMBERS:
        if name in plain and not _is_whole(plain[name]):
            yield f"{name} must be a whole number, not {_named(plain[name])}"
    yield from _malformed_signals(plain.get("signals", list(SIGNALS)))
    yield from _malformed_thresholds(plain.get("thresholds", {}))


def _malformed_signals(signals: Any) -> Iterator[str]:
    right = f"must be a list of some of {', '.join(SIGNALS)}"
    if not isinstance(signals, list) or not signals:
        yield f"signals {right}, not {_named(signals)}"
        return
    for number, name in enumerate(signals):
        if name not in SIGNALS:
            yield f"signals {right}, not {_named(name)}"
        elif name in signals[:number]:
            yield f"signals must name each once; {name} is there twice"


def _malformed_thresholds(thresholds: Any) -> Iterator[str]:
    known = [field.name for field in fields(Thresholds)]
    if not isinstance(thresholds, dict):
        yield f"thresholds must be an object of {', '.join(known)}, not {_named(thresholds)}"
        return
    for name, value in thresholds.items():
        if name not in known:
            yield f"thresholds.{name[:60]} is none; must be one of {', '.join(known)}"
        elif not _is_whole(value) or value < 1:
            yield f"thresholds.{name} must be a whole number, 1 or more, not {_named(value)}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _named(value: Any) -> str:
    return json.dumps(value)[:60]
