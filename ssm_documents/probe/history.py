"""The probe's history: what it measured during more than a week, in the lines that `make replay` reads."""

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
from ssm_documents.probe.history_state import HistoryState
from ssm_documents.probe.sensors import Reading

logger = logging.getLogger(__name__)

MAX_BYTES = 8 * 1024 * 1024
"""Limit of each of the two files. A line per minute has about 700 bytes, so one file holds more than a week."""


class History:
    """A file of JSON lines. When it is full it becomes FILE.1, and the FILE.1 before it is dropped."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._old_path = path.with_name(f"{path.name}.1")
        self._max_bytes = max_bytes
        self._boot_fields: Mapping[str, str] = {}

    def write(self, at: datetime, event: str, **fields: Any) -> None:
        """Add a line. If the disk is full, the line is lost, but the heartbeat is still sent.

        The first line of each file names the boot, because the old file may be the one that named it, and is dropped.
        """
        try:
            if self._path.exists() and self._path.stat().st_size > self._max_bytes:
                self._path.replace(self._old_path)
                fields = {**fields, **self._boot_fields}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{_format_line(at, event, **fields)}\n")
        except OSError as error:
            logger.warning("The history could not be written: %s", error)

    def start_window(self, at: datetime, boot_id: str, *, is_setting_up: bool) -> None:
        """Record that the idle window starts.

        If the instance has booted since the last line, it was stopped after that line. If the history has the start of
        a setup that no longer runs, the setup has ended. This is usual: the probe's own document restarts the probe.
        """
        self._end_incomplete_line()
        state = self._read_state()
        if state.last_at and state.boot_id not in (None, boot_id):
            self.write(datetime.fromisoformat(state.last_at), "stopped_outside")
        elif state.is_setting_up and not is_setting_up:
            self.write(at, "setup_ended")
        self._boot_fields = {"boot_id": boot_id}
        self.write(at, "ready", boot_id=boot_id)

    def write_heartbeat(self, at: datetime, readings: Mapping[str, Reading]) -> None:
        """Add a line with one sample of each signal."""
        signals = {
            name: {"state": reading.state.value, "reason": reading.reason[:120]} for name, reading in readings.items()
        }
        self.write(at, "heartbeat", signals=signals)

    def read_lines(self, since: datetime | None = None) -> Iterator[str]:
        """Yield the lines, oldest first, without a line that a crash left incomplete.

        Lines that describe the state at the start come first: without `ready`, nothing could be judged.

        :param since: leave out the lines before this time
        """
        state, has_begun = HistoryState(), False
        for line in self._read_all():
            if since and line.at < since:
                state = state.apply(line.fields)
                continue
            if not has_begun and (state.last_at or line.fields.get("event") != "ready"):
                at = since if since and state.last_at else line.at
                yield from (_format_line(at, event, **fields) for event, fields in state.list_initial_events(at))
            has_begun = True
            yield line.text

    def _end_incomplete_line(self) -> None:
        """Add a line break if a crash left the last line incomplete, so that the next line is readable."""
        try:
            with self._path.open("rb+") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                if file.read(1) not in (b"", b"\n"):
                    file.write(b"\n")
        except OSError as error:
            logger.info("No earlier history: %s", error)

    def _read_state(self) -> HistoryState:
        state = HistoryState()
        try:
            for line in self._read_all():
                state = state.apply(line.fields)
        except OSError as error:
            logger.warning("The history could not be read: %s", error)
        return state

    def _read_all(self) -> Iterator[_Line]:
        for path in (self._old_path, self._path):
            if not path.exists():
                continue
            with path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    if line := _parse_line(text.rstrip("\n")):
                        yield line


@dataclass(frozen=True)
class _Line:
    """A line as it was written, and its parsed content."""

    at: datetime
    fields: Mapping[str, Any]
    text: str


def _format_line(at: datetime, event: str, **fields: Any) -> str:
    return json.dumps({"at": format_timestamp(at), "event": event, **fields})


def _parse_line(text: str) -> _Line | None:
    try:
        fields = json.loads(text)
        return _Line(datetime.fromisoformat(fields["at"]), fields, text)
    except (ValueError, KeyError, TypeError):
        return None
