"""What holds where a part of a history begins: so that the part can be judged, and a probe knows what it began in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class HistoryState:
    """After the lines that were read so far. Before any: a history whose begin was dropped is of a ready machine.

    :ivar last_at: of the last line, as it was written
    :ivar boot_id: the last that was said
    """

    last_at: str | None = None
    boot_id: str | None = None
    is_ready: bool = True
    is_setting_up: bool = False
    keep_until: str | None = None

    def apply(self, line: Mapping[str, Any]) -> HistoryState:
        """One line later."""
        known = replace(self, last_at=line["at"], boot_id=line.get("boot_id", self.boot_id))
        match line.get("event"):
            case "ready":
                return replace(known, is_ready=True, is_setting_up=False)
            case "setup_started":
                return replace(known, is_setting_up=True)
            case "setup_ended":
                return replace(known, is_setting_up=False)
            case "stopped_outside":
                return replace(known, is_ready=False, is_setting_up=False)
            case "keep":
                return replace(known, keep_until=line.get("until"))
            case _:
                return known

    def initial_events(self, at: datetime) -> Iterator[tuple[str, Mapping[str, str]]]:
        """What a history that begins at `at` has to say first: events and what else their lines have."""
        if self.is_ready:
            yield "ready", {}
        if self.is_setting_up:
            yield "setup_started", {}
        if self.keep_until and datetime.fromisoformat(self.keep_until) > at:
            yield "keep", {"until": self.keep_until}
