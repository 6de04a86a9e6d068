"""Retry the write of a person's request after conflicts with other writes."""

from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.store.conflicts import VersionConflict, retry_on_conflict

T = TypeVar("T")


def retry_user_write(subject: str, operation: Callable[[], T]) -> T:
    """Call `operation` again after a conflict with another write.

    :param subject: what is written, as the beginning of a sentence
    :param operation: reads, decides and writes
    :raises Conflict: all attempts conflicted with other writes
    """
    try:
        return retry_on_conflict(operation)
    except VersionConflict as error:
        message = f"{subject} cannot be changed now, because other requests change the same record. Try again."
        raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE) from error
