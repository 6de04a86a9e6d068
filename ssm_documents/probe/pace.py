"""A call at each interval."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn


def for_ever(every_seconds: float, call: Callable[[], object]) -> NoReturn:
    """However long the last call took; those that were missed meanwhile are not made up for."""
    due = time.monotonic()
    while True:
        call()
        due = max(due + every_seconds, time.monotonic())
        # The clock has gone on since: what is left may be less than nothing.
        time.sleep(max(0.0, due - time.monotonic()))
