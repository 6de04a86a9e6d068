"""The hold signal: users mark the instance as in use, for work that no other signal detects.

A hold is a file NAME.json in a folder that every user may write to: {"reason": str, "until": ISO 8601 time or null}.
A hold with an end counts until that time, by the clock of AWS. A hold without an end counts while a process has an
exclusive `flock` on its file. The kernel ends this lock when the process ends, so a killed command holds nothing.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.files import ProbePaths, open_user_file, parse_user_file
from ssm_documents.probe.sensors import Reading

HOLDS_DIR = ProbePaths().holds

MAX_HOLDS = 100
MAX_REASON_LENGTH = 80


@dataclass(frozen=True)
class Hold:
    """A readable hold file.

    :param until: its end; None: it counts while it is locked
    """

    reason: str
    until: datetime | None
    is_locked: bool


class HoldSensor:
    """Active while any hold counts. An unreadable file makes the signal unknown, because it may be a hold that counts.

    :param now: returns the time of AWS; called only if a hold has an end
    """

    name = "hold"

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002 - a hold has no threshold
        """Read all holds.

        :raises OSError, ValueError: the folder cannot be read, or the time is unknown
        """
        holds, unreadable = self._read_holds()
        for hold in holds:
            if hold.until is None and hold.is_locked:
                return Reading(SignalState.ACTIVE, f"held: {hold.reason}")
        ending = [(hold.until, hold.reason) for hold in holds if hold.until]
        last, reason = max(ending, default=(None, ""))
        if last and self._now() < last:
            return Reading(SignalState.ACTIVE, f"held until {last:%d %b %H:%M} UTC: {reason}")
        if unreadable:
            return Reading(SignalState.UNKNOWN, unreadable[0])
        return Reading(SignalState.QUIET, "no hold is active")

    def _read_holds(self) -> tuple[list[Hold], list[str]]:
        try:
            names = sorted(path.name for path in self._folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return [], []
        holds, unreadable = [], [f"{len(names)} holds, only {MAX_HOLDS} are read"] if len(names) > MAX_HOLDS else []
        for name in names[:MAX_HOLDS]:
            try:
                holds.append(_read_hold(self._folder / name))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
                unreadable.append(f"hold {name[:MAX_REASON_LENGTH]} cannot be read")
        return holds, unreadable


def _read_hold(path: Path) -> Hold:
    with open_user_file(path) as descriptor:
        content = parse_user_file(descriptor)
        reason = clean_line(str(content["reason"]))[:MAX_REASON_LENGTH] or path.stem
        return Hold(reason, _parse_until(content["until"]), _is_locked(descriptor))


def _parse_until(raw: Any) -> datetime | None:
    if raw is None:
        return None
    until = datetime.fromisoformat(raw)
    if until.tzinfo is None:
        raise ValueError("a time without a time zone")
    return until.astimezone(UTC)


def _is_locked(descriptor: int) -> bool:
    """Return whether a process has an exclusive lock: then a shared one is refused. Closing the file releases ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
