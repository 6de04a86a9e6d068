"""Waiting for something to happen, and telling meanwhile what the desk writes into the instance's timeline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from local.demo.client import Client
from local.demo.narrator import Narrator

T = TypeVar("T")

LOOK_EVERY_SECONDS = 0.3
PATIENCE_SECONDS = 45.0
"""For what takes no time in the cloud: requests, scripts, a busy computer."""


class StepTimedOut(Exception):
    """A step of the story that did not come about in time."""


@dataclass(frozen=True)
class TimelineLine:
    """A line of the timeline."""

    at: datetime
    actor: str
    code: str
    message: str
    details: dict[str, str]


class TimelinePoller:
    """One instance, watched through the API.

    :param ref: the instance's id
    :param speed: cloud seconds per real second
    """

    def __init__(self, desk: Client, ref: str, narrator: Narrator, speed: float) -> None:
        self.ref = ref
        self.lines: list[TimelineLine] = []
        self._desk = desk
        self._narrator = narrator
        self.speed = speed
        self._cursor = ""

    def shown(self) -> Any:
        """The instance as the API shows it now."""
        return self._desk.get(f"/instances/{self.ref}")

    def has(self, code: str, after: int = 0) -> TimelineLine | None:
        """A line of this code, not among the first `after` ones."""
        return next((line for line in self.lines[after:] if line.code == code), None)

    def until(self, what: str, check: Callable[[], T | None], *, cloud: timedelta = timedelta(0)) -> T:
        """Look again and again, and tell what the desk writes.

        :param what: the step, for the message where it does not happen
        :param cloud: how long it takes on the cloud's clock
        :returns: the first thing that `check` gives
        :raises NotHappened: it gave nothing in time
        """
        limit = PATIENCE_SECONDS + cloud.total_seconds() / self.speed
        deadline = time.monotonic() + limit
        while True:
            found = check()
            self.follow()
            if found:
                return found
            if time.monotonic() > deadline:
                raise StepTimedOut(f"{what}: it has not happened within {limit:.0f} s")
            time.sleep(LOOK_EVERY_SECONDS)

    def follow(self) -> None:
        """Tell what is new in the timeline."""
        while True:
            page = self._desk.get(f"/instances/{self.ref}/timeline?limit=100{self._cursor}")
            news = [_line(item) for item in page["items"]][self._is_printed(page) :]
            for line in news:
                self._narrator.line(line.actor, line.message, line.at)
            self.lines += news
            if page["next_cursor"] is None:
                return
            self._cursor = f"&cursor={page['next_cursor']}"

    def _is_printed(self, page: Any) -> int:
        """How many of the page's lines are known: an open page is read again as it grows."""
        return sum(1 for item in page["items"] if _line(item) in self.lines)


def _line(item: Any) -> TimelineLine:
    return TimelineLine(
        at=datetime.fromisoformat(item["at"]),
        actor=item["actor"],
        code=item["code"],
        message=item["message"],
        details=item["details"],
    )
