"""Writes that fail for a reason that is known: a conflict, and its retry, or a value that DynamoDB never accepts."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from chalicelib.store.connections import DeadlineExceeded

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts of a write that conflicts with other writes. Five conflicts in a row are no coincidence."""

CONTENDED_ATTEMPTS = 12
"""Attempts of a write of an item that all requests of an owner or of a project write: the guard of a budget. Of several
that are sent together only one succeeds in each round."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.01, 0.1
"""Longest wait before the second attempt, which doubles with each attempt, and the longest of all. A transaction takes
about 10 ms. The waits are random, so that two writers do not meet again:
https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"""


class VersionConflict(Exception):
    """The item has changed since it was read, so nothing was written."""


class ConditionFailed(VersionConflict):
    """Conditions of a transaction did not hold, so nothing was written.

    :ivar failed: for each item of the transaction, whether its condition failed. PynamoDB sends the puts first, then
        the updates, each in the order in which they were added.
    """

    def __init__(self, message: str, failed: tuple[bool, ...]) -> None:
        super().__init__(message)
        self.failed = failed


class TransactionConflict(VersionConflict):
    """Another transaction is writing one of the items, so nothing was written. The same write may succeed at once."""


class RejectedWrite(Exception):
    """DynamoDB accepts the write neither now nor later, for example because a number is out of its range.

    The text of the exception is DynamoDB's, as a clause.
    """


def retry_on_conflict(
    operation: Callable[[], T],
    conflict: type[VersionConflict] = VersionConflict,
    *,
    attempts: int = MAX_ATTEMPTS,
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Call `operation` again after a short random wait while it raises `conflict`.

    :param operation: reads its input again in each call
    :param attempts: calls at most
    :param pause: waits for a number of seconds
    :returns: what `operation` returns
    :raises VersionConflict: the last call raised it, too, or the time of the request ended after it: other writers are
        the cause, and not DynamoDB
    """
    limit = FIRST_PAUSE_SECONDS
    found: VersionConflict | None = None
    for attempt in range(1, attempts + 1):
        try:
            return operation()
        except conflict as error:
            if attempt == attempts:
                raise
            found = error
        except DeadlineExceeded as error:
            if found is None:
                raise
            raise found from error
        pause(random.uniform(0, limit))  # noqa: S311  # no secret
        limit = min(2 * limit, LONGEST_PAUSE_SECONDS)
    raise ValueError(f"attempts must be at least 1, not {attempts}")
