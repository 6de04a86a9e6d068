"""Poller that waits for a step of the demo and prints new timeline entries of the instance meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from local.demo.client import Client
from local.demo.narrator import Narrator

T = TypeVar("T")

POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 45.0
"""Real seconds for work that does not follow the cloud's clock: requests, and scripts on a busy computer."""


class StepFailed(Exception):
    """A step of the demo failed or did not happen in time."""


@dataclass(frozen=True)
class TimelineEntry:
    """A timeline entry as the API returns it."""

    at: datetime
    actor: str
    code: str
    message: str
    details: dict[str, str]


class TimelinePoller:
    """Reader of one instance and its timeline from the API.

    :param speed: seconds of the cloud's clock per real second
    :ivar entries: timeline entries printed so far
    """

    def __init__(self, client: Client, instance_id: str, narrator: Narrator, speed: float) -> None:
        """Start before the first timeline entry."""
        self.instance_id = instance_id
        self.entries: list[TimelineEntry] = []
        self._client = client
        self._narrator = narrator
        self._speed = speed
        self._cursor = ""

    def get_instance(self) -> Any:
        """Return the instance as the API returns it now."""
        return self._client.get(f"/instances/{self.instance_id}")

    def find_entry(self, code: str) -> TimelineEntry | None:
        """Return the first timeline entry with this code."""
        return next((entry for entry in self.entries if entry.code == code), None)

    def wait_until(self, step: str, check: Callable[[], T | None], *, cloud_time: timedelta = timedelta(0)) -> T:
        """Call `check` until it returns a true value, and print new timeline entries meanwhile.

        :param step: completes the sentence "The demo waited until ..."
        :param cloud_time: time that the step may take on the cloud's clock
        :returns: the first true value of `check`
        :raises StepFailed: the step did not happen in time
        """
        limit = TIMEOUT_SECONDS + cloud_time.total_seconds() / self._speed
        deadline = time.monotonic() + limit
        while True:
            result = check()
            self.print_new_entries()
            if result:
                return result
            if time.monotonic() > deadline:
                raise StepFailed(f"The demo waited for {limit:.0f} s until {step}, but that did not happen.")
            time.sleep(POLL_SECONDS)

    def print_new_entries(self) -> None:
        """Print the timeline entries that are not yet printed."""
        while True:
            page = self._client.get(f"/instances/{self.instance_id}/timeline?limit=100{self._cursor}")
            entries = [_parse_entry(item) for item in page["items"]]
            # The last page is read again, because it grows. Its first entries may be printed already.
            entries = entries[sum(1 for entry in entries if entry in self.entries) :]
            for entry in entries:
                self._narrator.print_line(entry.actor, entry.message, entry.at)
            self.entries += entries
            if page["next_cursor"] is None:
                return
            self._cursor = f"&cursor={page['next_cursor']}"


def _parse_entry(item: Any) -> TimelineEntry:
    return TimelineEntry(
        at=datetime.fromisoformat(item["at"]),
        actor=item["actor"],
        code=item["code"],
        message=item["message"],
        details=item["details"],
    )
