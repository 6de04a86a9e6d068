"""Retry the write of a person's request after conflicts with other writes, and say what can never be written."""

from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.common.errors import Conflict, ErrorCode, ValidationFailed
from chalicelib.store.conflicts import CONTENDED_ATTEMPTS, RejectedWrite, VersionConflict, retry_on_conflict

T = TypeVar("T")


def retry_user_write(subject: str, operation: Callable[[], T]) -> T:
    """Call `operation` again after a conflict with another write.

    :param subject: what is written, as the beginning of a sentence
    :param operation: reads, decides and writes
    :raises Conflict: all attempts conflicted with other writes
    :raises ValidationFailed: DynamoDB never accepts the change, for example because the record would be too large
    """
    try:
        return retry_on_conflict(operation, attempts=CONTENDED_ATTEMPTS)
    except VersionConflict as error:
        message = f"{subject} cannot be changed now, because other requests change the same record. Try again."
        raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE) from error
    except RejectedWrite as error:
        raise ValidationFailed(f"{subject} cannot be changed, because DynamoDB rejects the change: {error}") from error
