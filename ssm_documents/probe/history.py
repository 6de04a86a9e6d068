"""What the probe saw, for longer than a heartbeat tells: lines that `make replay` reads as they are."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.domain.common.text import format_timestamp
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.standing import HistoryState

logger = logging.getLogger(__name__)

MAX_BYTES = 8 * 1024 * 1024
"""Of each of two files: a line a minute of some 700 bytes, so more than a week in one."""


class History:
    """A file that is set aside as FILE.1 when it has grown, and the one before it dropped."""

    def __init__(self, path: Path, most_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._old = path.with_name(f"{path.name}.1")
        self._most = most_bytes
        self._boot: Mapping[str, str] = {}

    def write(self, at: datetime, event: str, **more: Any) -> None:
        """Add a line. A disk that is full costs the history, not the beat.

        The first of a file says which boot it is of, for the one that said so before is dropped in time.
        """
        try:
            if self._path.exists() and self._path.stat().st_size > self._most:
                self._path.replace(self._old)
                more = {**more, **self._boot}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{_line(at, event, **more)}\n")
        except OSError as error:
            logger.warning("the history could not be written: %s", error)

    def begin(self, at: datetime, boot_id: str, *, is_setting_up: bool) -> None:
        """The window begins. Where the machine has booted since the last line, it had been stopped after that one.

        A setup that the probe before this one saw begin, and that goes on no more, has ended: its own document
        restarts a probe.
        """
        self._end_what_was_cut()
        before = self._standing()
        if before.last_at and before.boot_id not in (None, boot_id):
            self.write(datetime.fromisoformat(before.last_at), "stopped_outside")
        elif before.is_setting_up and not is_setting_up:
            self.write(at, "setup_ended")
        self._boot = {"boot_id": boot_id}
        self.write(at, "ready", boot_id=boot_id)

    def heartbeat(self, at: datetime, readings: Mapping[str, Reading]) -> None:
        """One sample of each signal."""
        signals = {name: {"state": each.state.value, "reason": each.reason[:120]} for name, each in readings.items()}
        self.write(at, "heartbeat", signals=signals)

    def lines(self, since: datetime | None = None) -> Iterator[str]:
        """The lines, oldest first; one that was cut by a crash is left out.

        What held where they begin is said first: without a `ready` nothing of them could be judged.

        :param since: not those before
        """
        standing, has_begun = HistoryState(), False
        for each in self._all():
            if since and each.at < since:
                standing = standing.apply(each.plain)
                continue
            if not has_begun and (standing.last_at or each.plain.get("event") != "ready"):
                at = since if since and standing.last_at else each.at
                yield from (_line(at, event, **more) for event, more in standing.initial_events(at))
            has_begun = True
            yield each.text

    def _end_what_was_cut(self) -> None:
        """A line that a crash cut must not take the next one with it."""
        try:
            with self._path.open("rb+") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                if file.read(1) not in (b"", b"\n"):
                    file.write(b"\n")
        except OSError as error:
            logger.info("there is no history to go on with: %s", error)

    def _standing(self) -> HistoryState:
        standing = HistoryState()
        try:
            for each in self._all():
                standing = standing.apply(each.plain)
        except OSError as error:
            logger.warning("the history could not be read: %s", error)
        return standing

    def _all(self) -> Iterator[_Line]:
        for path in (self._old, self._path):
            if not path.exists():
                continue
            with path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    found = _read(text.rstrip("\n"))
                    if found:
                        yield found


@dataclass(frozen=True)
class _Line:
    """As it was written, and what it says."""

    at: datetime
    plain: Mapping[str, Any]
    text: str


def _line(at: datetime, event: str, **more: Any) -> str:
    return json.dumps({"at": format_timestamp(at), "event": event, **more})


def _read(text: str) -> _Line | None:
    try:
        plain = json.loads(text)
        return _Line(datetime.fromisoformat(plain["at"]), plain, text)
    except (ValueError, KeyError, TypeError):
        return None
