"""A call that is repeated at an interval, forever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger(__name__)


POLL_SECONDS = 5
"""AWS recommends to look so often for the warning of an interruption:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""


def run_every(
    interval_seconds: float, call: Callable[[], object], is_urgent: Callable[[], bool] = lambda: False
) -> NoReturn:
    """Repeat a call at an interval, even if it raises.

    A call that takes longer than the interval delays the next one. Missed calls are not made up for.

    :param is_urgent: asked every 5 seconds; if it returns True, the next call is made at once
    """
    due = time.monotonic()
    while True:
        try:
            call()
        except Exception:
            logger.exception("A repeated call failed. It runs again at the next interval.")
        due = max(due + interval_seconds, time.monotonic())
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))
            if is_urgent():
                due = time.monotonic()
