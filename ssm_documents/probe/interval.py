"""A call that is repeated at an interval, forever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger(__name__)


def run_every(interval_seconds: float, call: Callable[[], object]) -> NoReturn:
    """Repeat a call at an interval, even if it raises.

    A call that takes longer than the interval delays the next one. Missed calls are not made up for.
    """
    due = time.monotonic()
    while True:
        try:
            call()
        except Exception:
            logger.exception("A repeated call failed. It runs again at the next interval.")
        due = max(due + interval_seconds, time.monotonic())
        # Time has passed since the line above, so the difference may be negative.
        time.sleep(max(0.0, due - time.monotonic()))
