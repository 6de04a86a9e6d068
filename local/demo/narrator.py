"""Tells what happens, in lines: the cloud's time, real seconds, who, what."""

import textwrap
import time
from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.common.clock import Clock

WIDTH = 118
INDENT = 29

Print = Callable[[str], None]


class Narrator:
    """Lines of one story.

    :param write: takes one line
    """

    def __init__(self, clock: Clock, write: Print) -> None:
        self._clock = clock
        self._write = write
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How many of the world's seconds the story has taken."""
        return time.monotonic() - self._began

    def heading(self) -> None:
        """What the columns are."""
        self._write(f"\n   cloud   real  {'who':<10}  what")

    def chapter(self, title: str) -> None:
        """A new part begins."""
        self._write(f"\n{title}")

    def line(self, who: str, what: str, at: datetime | None = None) -> None:
        """One thing that happened; wrapped where it is long.

        :param at: the cloud's time at which it happened, now where None
        """
        at = at or self._clock.now()
        margin = f"{at:%H:%M:%S} {self.seconds:5.1f}s  {who:<10}  "
        lines = textwrap.wrap(what, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False) or [""]
        self._write(margin + lines[0])
        for more in lines[1:]:
            self._write(" " * len(margin) + more)

    def plain(self, text: str) -> None:
        """Text as it is, below the line before."""
        for line in text.splitlines():
            self._write(" " * INDENT + line)
