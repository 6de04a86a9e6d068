"""Writes that fail for a reason that is known: a conflict, and its retry, or a value that DynamoDB never accepts."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts of a write that conflicts with other writes. Five conflicts in a row are no coincidence."""


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


def retry_on_conflict(operation: Callable[[], T], conflict: type[VersionConflict] = VersionConflict) -> T:
    """Call `operation` again while it raises `conflict`, at most MAX_ATTEMPTS times in all.

    :param operation: reads its input again in each call
    :returns: what `operation` returns
    :raises VersionConflict: the last call raised it, too
    """
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return operation()
        except conflict:
            continue
    return operation()
