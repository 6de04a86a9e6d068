"""The time that a function has left, so that it ends its work before Lambda ends it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

FUNCTION_SECONDS = 60.0
"""The timeout of the scheduled functions (`deploy/functions.py`), if no Lambda context tells the time that is left."""

RESERVED_SECONDS = 15.0
"""No work begins later: one call to AWS can take 13 s until it times out (`aws/clients.py`), and then the lease must
still be released."""


@dataclass(frozen=True)
class TimeBudget:
    """A time after which no more work begins.

    :param begins_at: in `monotonic` seconds, as `ends_at`
    :param monotonic: returns real time in seconds
    """

    begins_at: float
    ends_at: float
    monotonic: Callable[[], float] = time.monotonic

    @property
    def is_spent(self) -> bool:
        """Return whether no more work may begin."""
        return self.monotonic() >= self.ends_at

    @property
    def is_half_spent(self) -> bool:
        """Return whether half of the time has passed."""
        return self.monotonic() - self.begins_at >= (self.ends_at - self.begins_at) / 2


def start_budget(seconds_left: float | None, monotonic: Callable[[], float] = time.monotonic) -> TimeBudget:
    """Return the budget of a function that starts now.

    :param seconds_left: what Lambda's context says; None: the function's timeout
    """
    seconds = FUNCTION_SECONDS if seconds_left is None else seconds_left
    now = monotonic()
    return TimeBudget(now, now + seconds - RESERVED_SECONDS, monotonic)
