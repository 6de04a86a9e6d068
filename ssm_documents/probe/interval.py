"""A call at each interval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger(__name__)


def run_every(every_seconds: float, call: Callable[[], object]) -> NoReturn:
    """However long the last call took, and whatever it raised; those that were missed meanwhile are not made up for."""
    due = time.monotonic()
    while True:
        try:
            call()
        except Exception:
            logger.exception("what was due failed; it is tried again when it is due next")
        due = max(due + every_seconds, time.monotonic())
        # The clock has gone on since: what is left may be less than nothing.
        time.sleep(max(0.0, due - time.monotonic()))
