"""What the probe saw, for longer than a heartbeat tells: lines that `make replay` reads as they are."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ssm_documents.probe.sensors import Reading

logger = logging.getLogger(__name__)

MOST_BYTES = 8 * 1024 * 1024
"""Of each of two files: a line a minute of some 700 bytes, so more than a week in one."""


class History:
    """A file that is set aside as FILE.1 when it has grown, and the one before it dropped."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._old = path.with_name(f"{path.name}.1")
        self._most = most_bytes

    def write(self, at: datetime, event: str, **more: Any) -> None:
        """Add a line. A disk that is full costs the history, not the beat."""
        line = json.dumps({"at": as_text(at), "event": event, **more})
        try:
            if self._path.exists() and self._path.stat().st_size > self._most:
                self._path.replace(self._old)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            logger.warning("the history could not be written: %s", error)

    def begin(self, at: datetime, boot_id: str) -> None:
        """The window begins. Where the machine has booted since the last line, it had been stopped after that one."""
        last, booted = None, boot_id
        for line in self.lines():
            known = json.loads(line)
            last, booted = known["at"], known.get("boot_id", booted)
        if last and booted != boot_id:
            self.write(datetime.fromisoformat(last), "stopped_outside")
        self.write(at, "ready", boot_id=boot_id)

    def heartbeat(self, at: datetime, readings: Mapping[str, Reading]) -> None:
        """One sample of each signal."""
        signals = {name: {"state": each.state.value, "reason": each.reason[:120]} for name, each in readings.items()}
        self.write(at, "heartbeat", signals=signals)

    def lines(self, since: datetime | None = None) -> Iterator[str]:
        """The lines, oldest first; one that was cut by a crash is left out.

        :param since: not those before
        """
        for path in (self._old, self._path):
            if not path.exists():
                continue
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    at = _at(line)
                    if at and (since is None or at >= since):
                        yield line.rstrip("\n")


def as_text(moment: datetime) -> str:
    """ISO 8601, UTC: 2026-11-24T01:02:03Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(line: str) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(line)["at"])
    except (ValueError, KeyError, TypeError):
        return None
