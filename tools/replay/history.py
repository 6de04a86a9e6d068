"""A history: what happened to one instance, a JSON object a line, in the order of `at`.

What a line may say is said here; fields that are not named here are passed over: a machine's own history may have more.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.common.strict_json import JsonError, parse_json
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS

YEARS = range(1970, 3000)
"""Of what can be said; outside of them nobody meant it."""

MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
)
"""Date, time and zone. Python reads more, such as weeks, and dates without hyphens: nobody writes a history so."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It can be used from here on: at first, after a stop, or once more. The window begins."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample of one signal."""

    state: SignalState
    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The probe looked: one sample of each signal that it has."""

    at: datetime
    signals: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Keep:
    """Somebody wants it left running."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SetupStarted:
    """A document of the desk's runs on it."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SetupEnded:
    """It does no more."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StoppedOutside:
    """Somebody stopped it, not by the desk."""

    at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEnd:
    """So far it is known."""

    at: datetime


Event = Ready | Heartbeat | Keep | SetupStarted | SetupEnded | StoppedOutside | HistoryEnd


@dataclass(frozen=True)
class MalformedLine:
    """A line that is none, and what would be one."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def read(lines: Iterable[bytes]) -> Iterator[Event | MalformedLine]:
    """The lines as they come. Blank ones are passed over; what cannot be read comes as what is wrong with it."""
    last: Event | None = None
    last_line = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = parse(line)
            _must_follow(event, last, last_line)
        except ValueError as wrong:
            yield MalformedLine(number, str(wrong))
            continue
        last, last_line = event, number
        yield event


def parse(line: bytes) -> Event:
    """One line.

    :raises ValueError: it is malformed; the message says what was wrong and what would be right
    """
    plain = _object(line)
    kind = plain.get("event")
    make = EVENTS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise ValueError(f"event is {_shown(plain, 'event')}; must be one of {', '.join(EVENTS)}")
    return make(_moment(plain, "at"), plain)


def _must_follow(event: Event, last: Event | None, line: int) -> None:
    if isinstance(last, HistoryEnd):
        raise ValueError(f"comes after the end, which is on line {line}; nothing may follow it")
    if last and event.at < last.at:
        raise ValueError(f"at is {event.at.isoformat()}, before line {line}'s {last.at.isoformat()}; must not decrease")


def _object(line: bytes) -> dict[str, Any]:
    try:
        plain = parse_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is no UTF-8 (byte {error.start + 1}); must be a JSON object in UTF-8") from None
    except JsonError as wrong:
        raise ValueError(f"{wrong}; must be a JSON object that says each field once") from None
    if not isinstance(plain, dict):
        raise ValueError(f"is {_named(plain)}; must be a JSON object")
    return plain


def _moment(plain: Mapping[str, Any], field: str) -> datetime:
    right = "must be an ISO 8601 time in UTC, such as 2026-01-05T09:00:00Z"
    text = plain.get(field)
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and MOMENT.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{field} is {_shown(plain, field)}; {right}")
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{field} is {_shown(plain, field)}, which is not UTC; {right}")
    if moment.year not in YEARS:
        raise ValueError(f"{field} is {_shown(plain, field)}; must be of the years {YEARS[0]} to {YEARS[-1]}")
    return moment.astimezone(UTC)


def _heartbeat(at: datetime, plain: Mapping[str, Any]) -> Heartbeat:
    signals = plain.get("signals")
    if not isinstance(signals, dict):
        raise ValueError(f"signals is {_shown(plain, 'signals')}; must be an object of {', '.join(SIGNALS)}")
    return Heartbeat(at, {name: _reading(name, sample) for name, sample in signals.items()})


def _reading(name: str, sample: Any) -> Reading:
    if name not in SIGNALS:
        raise ValueError(f"signals has {_named(name)}; must be of {', '.join(SIGNALS)}")
    if not isinstance(sample, dict):
        raise ValueError(f'signals.{name} is {_named(sample)}; must be an object {{"state", "reason"}}')
    state = STATES.get(sample["state"]) if isinstance(sample.get("state"), str) else None
    if state is None:
        raise ValueError(f"signals.{name}.state is {_shown(sample, 'state')}; must be one of {', '.join(STATES)}")
    reason = sample.get("reason", "no reason given")
    if not isinstance(reason, str):
        raise ValueError(f"signals.{name}.reason is {_named(reason)}; must be a text")
    return Reading(state, reason)


def _keep(at: datetime, plain: Mapping[str, Any]) -> Keep:
    return Keep(at, _moment(plain, "until"))


def _shown(plain: Mapping[str, Any], field: str) -> str:
    return _named(plain[field]) if field in plain else "missing"


def _named(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


STATES = {state.value: state for state in SignalState}

EVENTS: Mapping[str, Callable[[datetime, Mapping[str, Any]], Event]] = {
    "ready": lambda at, _: Ready(at),
    "heartbeat": _heartbeat,
    "keep": _keep,
    "setup_started": lambda at, _: SetupStarted(at),
    "setup_ended": lambda at, _: SetupEnded(at),
    "stopped_outside": lambda at, _: StoppedOutside(at),
    "end": lambda at, _: HistoryEnd(at),
}
