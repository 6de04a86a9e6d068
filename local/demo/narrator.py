"""Printed lines of the demo: time on the cloud's clock, real seconds, who, what."""

import textwrap
import time
from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.untrusted_text import clean_line, clean_output

WIDTH = 118
INDENT = 29

HEADING = f"""
A line of gpudesk has the time of its decision on the cloud's clock, so it can follow a line with a later time.

   cloud   real  {"who":<10}  what"""

WriteLine = Callable[[str], None]


class Narrator:
    """Printer that formats lines and wraps long ones.

    :param clock: the cloud's clock
    :param write_line: prints one line
    """

    def __init__(self, clock: Clock, write_line: WriteLine) -> None:
        """Start to count real seconds."""
        self._clock = clock
        self._write_line = write_line
        self._started_at = time.monotonic()

    @property
    def elapsed_seconds(self) -> float:
        """Return the real seconds since the start."""
        return time.monotonic() - self._started_at

    def print_heading(self) -> None:
        """Print the names of the columns, and why some lines are not in the order of their times."""
        self._write_line(HEADING)

    def start_chapter(self, title: str) -> None:
        """Print a title."""
        self._write_line(f"\n{title}")

    def print_line(self, who: str, text: str, at: datetime | None = None) -> None:
        """Print what somebody did.

        :param at: time on the cloud's clock; None is now
        """
        at = at or self._clock.now()
        margin = f"{at:%H:%M:%S} {self.elapsed_seconds:5.1f}s  {who:<10}  "
        lines = textwrap.wrap(clean_line(text), WIDTH - INDENT, break_long_words=False, break_on_hyphens=False) or [""]
        self._write_line(margin + lines[0])
        for line in lines[1:]:
            self._write_line(" " * len(margin) + line)

    def print_text(self, text: str) -> None:
        """Print text below the last line, with its own line breaks."""
        for line in clean_output(text).splitlines():
            self._write_line(" " * INDENT + line)
