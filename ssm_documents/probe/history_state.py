"""The state of an instance at one line of its history.

`History` uses it to start a part of the history with the right lines, and to tell a new probe what came before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class HistoryState:
    """The state after the lines that were read so far. Before any line the instance counts as ready.

    :ivar last_at: time of the last line, as it was written
    :ivar boot_id: the last boot that a line named
    """

    last_at: str | None = None
    boot_id: str | None = None
    is_ready: bool = True
    is_setting_up: bool = False
    keep_until: str | None = None

    def apply(self, fields: Mapping[str, Any]) -> HistoryState:
        """Return the state after one more line."""
        state = replace(self, last_at=fields["at"], boot_id=fields.get("boot_id", self.boot_id))
        match fields.get("event"):
            case "ready":
                return replace(state, is_ready=True, is_setting_up=False)
            case "setup_started":
                return replace(state, is_setting_up=True)
            case "setup_ended":
                return replace(state, is_setting_up=False)
            case "stopped_outside":
                return replace(state, is_ready=False, is_setting_up=False)
            case "keep":
                return replace(state, keep_until=fields.get("until"))
            case _:
                return state

    def list_initial_events(self, at: datetime) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the events, with their fields, that a history must have first if it starts at `at`."""
        if self.is_ready:
            yield "ready", {}
        if self.is_setting_up:
            yield "setup_started", {}
        if self.keep_until and datetime.fromisoformat(self.keep_until) > at:
            yield "keep", {"until": self.keep_until}
