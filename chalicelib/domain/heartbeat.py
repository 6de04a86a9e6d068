"""What an instance reports of itself, read with suspicion: a machine's root can write anything here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.evidence import Evidence, State

LONGEST_REASON = 120
MOST_SIGNALS = 16


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A report that could be read.

    :param at: the instance's (that is AWS's) time of the report
    :param signals: the evidence of each signal by its name
    """

    instance_id: str
    at: datetime
    signals: Mapping[str, Evidence]


@dataclass(frozen=True)
class Unreadable:
    """Something was there, and it made no sense."""

    why: str


def heartbeat_from(raw: Mapping[str, Any]) -> Heartbeat | Unreadable | None:
    """Read the item that the probe writes.

    :returns: None where the probe has not written yet (the desk itself made the empty item)
    """
    if "at" not in raw:
        return None
    try:
        signals = raw["signals"]
        if not isinstance(signals, Mapping) or len(signals) > MOST_SIGNALS:
            raise ValueError(f"signals is not a map of at most {MOST_SIGNALS}")
        boot_id = _text(raw["boot_id"])
        return Heartbeat(
            instance_id=_text(raw["instance_id"]),
            at=_time(raw["at"]),
            signals={_text(name): _evidence(signal, boot_id) for name, signal in signals.items()},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        return Unreadable(f"{type(problem).__name__}: {problem}"[:200])


def _evidence(raw: Any, boot_id: str) -> Evidence:
    evidence = Evidence(
        state=State(raw["state"]),
        since=_time(raw["since"]),
        at=_time(raw["at"]),
        samples=_count(raw["samples"]),
        largest_gap=timedelta(seconds=_count(raw["largest_gap_seconds"])),
        reason=_printable(_text(raw["reason"]))[:LONGEST_REASON],
        boot_id=boot_id,
    )
    if evidence.since > evidence.at:
        raise ValueError("since is later than at")
    return evidence


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError(f"not a short text: {str(value)[:40]!r}")
    return value


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {value!r}")
    return time.astimezone(UTC)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**9:
        raise ValueError(f"not a count: {str(value)[:40]!r}")
    return int(value)
