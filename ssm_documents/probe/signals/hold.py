"""The hold signal: somebody says that the machine is in use, for what no other signal can see.

A hold is a file NAME.json in a folder that every user may write to: {"reason": str, "until": ISO 8601 time or null}.
With an end it counts until then, by AWS's time; without, for as long as a living process keeps an exclusive `flock` on
it. So a command that is killed holds nothing, and no hold outlives a stop.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.files import ProbePaths, open_user_file, parse_user_file
from ssm_documents.probe.sensors import Reading

HOLDS_DIR = ProbePaths().holds

MAX_HOLDS = 100
MAX_REASON_LENGTH = 80


@dataclass(frozen=True)
class Hold:
    """A file that could be read.

    :param until: its end; None: it stands while it is locked
    """

    reason: str
    until: datetime | None
    is_locked: bool


class HoldSensor:
    """Active while any hold stands; a file that cannot be read is unknown, for it may be one that does.

    :param now: AWS's time, asked only where a hold has an end
    """

    name = "hold"

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002  there is nothing to measure
        """Look once.

        :raises OSError, ValueError: the folder cannot be read, or there is no time to be had
        """
        holds, unreadable = self._all()
        for hold in holds:
            if hold.until is None and hold.is_locked:
                return Reading(SignalState.ACTIVE, f"held: {hold.reason}")
        ending = [(hold.until, hold.reason) for hold in holds if hold.until]
        last, reason = max(ending, default=(None, ""))
        if last and self._now() < last:
            return Reading(SignalState.ACTIVE, f"held until {last:%d %b %H:%M} UTC: {reason}")
        if unreadable:
            return Reading(SignalState.UNKNOWN, unreadable[0])
        return Reading(SignalState.QUIET, "nothing is held")

    def _all(self) -> tuple[list[Hold], list[str]]:
        try:
            names = sorted(each.name for each in self._folder.iterdir() if each.suffix == ".json")
        except FileNotFoundError:
            return [], []
        holds, unreadable = [], [f"{len(names)} holds are too many to read"] if len(names) > MAX_HOLDS else []
        for name in names[:MAX_HOLDS]:
            try:
                holds.append(_hold(self._folder / name))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
                unreadable.append(f"hold {name[:MAX_REASON_LENGTH]} cannot be read")
        return holds, unreadable


def _hold(path: Path) -> Hold:
    with open_user_file(path) as descriptor:
        content = parse_user_file(descriptor)
        reason = " ".join(str(content["reason"]).split())[:MAX_REASON_LENGTH] or path.stem
        return Hold(reason, _until(content["until"]), _is_locked(descriptor))


def _until(raw: Any) -> datetime | None:
    if raw is None:
        return None
    until = datetime.fromisoformat(raw)
    if until.tzinfo is None:
        raise ValueError("a time without its zone")
    return until.astimezone(UTC)


def _is_locked(descriptor: int) -> bool:
    """A shared lock is refused exactly where somebody has the exclusive one; ours goes with the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
