"""The time budget of a scheduled function, so that it ends its work before Lambda ends it."""

from collections.abc import Callable

from chalicelib.domain.common.time_budget import TimeBudget, start_budget

FUNCTION_SECONDS = 60.0
"""The timeout of the scheduled functions (`.chalice/config.json`), if no Lambda context tells the time that is left."""

RESERVED_SECONDS = 15.0
"""One call to AWS that hangs takes 13 s until it times out (`aws/clients.py`), and then the lease must still be
released."""


def start_function_budget(seconds_left: float | None, monotonic: Callable[[], float]) -> TimeBudget:
    """Return the budget of a function that starts now.

    :param seconds_left: what Lambda's context says; None: the function's timeout
    """
    seconds = FUNCTION_SECONDS if seconds_left is None else seconds_left
    return start_budget(seconds, reserve=RESERVED_SECONDS, monotonic=monotonic)
