"""Reader of a history: events of one instance, one JSON object per line, in the order of `at`.

Unknown fields are ignored, because the history of an instance has more fields than a replay needs.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.common.strict_json import JsonError, parse_json
from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS
from tools.replay.events import (
    Event,
    Heartbeat,
    HistoryEnd,
    Keep,
    Reading,
    Ready,
    SetupEnded,
    SetupStarted,
    StoppedOutside,
)

YEARS = range(1970, 3000)
"""Accepted years. Any other year is a mistake in the history."""

TIME_PATTERN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
)
"""Date, time and zone. Python would also accept other ISO 8601 formats, which histories do not contain."""


@dataclass(frozen=True)
class MalformedLine:
    """Malformed line. The problem says what is wrong and what is accepted."""

    line: int
    problem: str

    def __str__(self) -> str:
        """Return the message for people."""
        return f"line {self.line}: {self.problem}"


def read_events(lines: Iterable[bytes]) -> Iterator[Event | MalformedLine]:
    """Yield the event of each line, or the problem of a malformed one. Blank lines are ignored."""
    last: Event | None = None
    last_line = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = parse_event(line)
            _check_order(event, last, last_line)
        except ValueError as error:
            yield MalformedLine(number, str(error))
            continue
        last, last_line = event, number
        yield event


def parse_event(line: bytes) -> Event:
    """Parse one line.

    :raises ValueError: the line is malformed; the message says what is wrong and what is accepted
    """
    plain = _parse_object(line)
    kind = plain.get("event")
    parse = EVENTS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise ValueError(f"event is {_quote_field(plain, 'event')}; must be one of {', '.join(EVENTS)}")
    return parse(_parse_time(plain, "at"), plain)


def _check_order(event: Event, last: Event | None, line: int) -> None:
    if isinstance(last, HistoryEnd):
        raise ValueError(f"comes after the event end, which is on line {line}; no event can follow it")
    if last and event.at < last.at:
        raise ValueError(f"at is {event.at.isoformat()}, before line {line}'s {last.at.isoformat()}; must not decrease")


def _parse_object(line: bytes) -> dict[str, Any]:
    try:
        plain = parse_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start + 1}); must be a JSON object in UTF-8") from None
    except JsonError as error:
        raise ValueError(f"{error}; must be a JSON object") from None
    if not isinstance(plain, dict):
        raise ValueError(f"is {_quote(plain)}; must be a JSON object")
    return plain


def _parse_time(plain: Mapping[str, Any], field: str) -> datetime:
    requirement = "must be an ISO 8601 time in UTC, such as 2026-01-05T09:00:00Z"
    text = plain.get(field)
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and TIME_PATTERN.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{field} is {_quote_field(plain, field)}; {requirement}")
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{field} is {_quote_field(plain, field)}, which is not UTC; {requirement}")
    if moment.year not in YEARS:
        raise ValueError(f"{field} is {_quote_field(plain, field)}; the year must be {YEARS[0]} to {YEARS[-1]}")
    return moment.astimezone(UTC)


def _parse_heartbeat(at: datetime, plain: Mapping[str, Any]) -> Heartbeat:
    signals = plain.get("signals")
    if not isinstance(signals, dict):
        raise ValueError(f"signals is {_quote_field(plain, 'signals')}; must be an object of {', '.join(SIGNALS)}")
    return Heartbeat(at, {name: _parse_reading(name, sample) for name, sample in signals.items()})


def _parse_reading(name: str, sample: Any) -> Reading:
    if name not in SIGNALS:
        raise ValueError(f"signals has {_quote(name)}; must be of {', '.join(SIGNALS)}")
    if not isinstance(sample, dict):
        raise ValueError(f'signals.{name} is {_quote(sample)}; must be an object {{"state", "reason"}}')
    state = STATES.get(sample["state"]) if isinstance(sample.get("state"), str) else None
    if state is None:
        raise ValueError(f"signals.{name}.state is {_quote_field(sample, 'state')}; must be one of {', '.join(STATES)}")
    reason = sample.get("reason", "no reason given")
    if not isinstance(reason, str):
        raise ValueError(f"signals.{name}.reason is {_quote(reason)}; must be a string")
    return Reading(state, clean_line(reason))


def _parse_keep(at: datetime, plain: Mapping[str, Any]) -> Keep:
    return Keep(at, _parse_time(plain, "until"))


def _quote_field(plain: Mapping[str, Any], field: str) -> str:
    return _quote(plain[field]) if field in plain else "missing"


def _quote(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


STATES = {state.value: state for state in SignalState}

EVENTS: Mapping[str, Callable[[datetime, Mapping[str, Any]], Event]] = {
    "ready": lambda at, _: Ready(at),
    "heartbeat": _parse_heartbeat,
    "keep": _parse_keep,
    "setup_started": lambda at, _: SetupStarted(at),
    "setup_ended": lambda at, _: SetupEnded(at),
    "stopped_outside": lambda at, _: StoppedOutside(at),
    "end": lambda at, _: HistoryEnd(at),
}
