"""The parts that all tables share: connection, guarded writes, conversion and the meaning of errors.

Nothing here knows a particular table. Only this package uses PynamoDB; its callers get domain values.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from pynamodb.exceptions import DoesNotExist, PutError, PynamoDBException, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.store.conflicts import ConditionFailed, RejectedWrite, TransactionConflict, retry_on_conflict
from chalicelib.store.connections import DeadlineExceeded, get_connection
from chalicelib.transient_errors import TRANSIENT_CODES, is_transient_status

LOG = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)
T = TypeVar("T")

PARTITION = "all"
"""The only hash key of an index over all instances or all images. A team has hundreds of them, so one is enough."""

CONDITION_FAILED_ERROR = "ConditionalCheckFailedException"
"""The code of the error when the condition of a single write did not hold."""

CONDITION_FAILED = "ConditionalCheckFailed"
TRANSACTION_CONFLICT = "TransactionConflict"
"""Reasons for which a transaction is cancelled, one for each of its items.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

VALIDATION_CODES = frozenset({"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceeded"})
"""A value is out of the range of DynamoDB: as the error of a request, or as a reason of a cancelled transaction."""

THROTTLED_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
"""Reasons for which DynamoDB cancels a transaction that may succeed a moment later (same source)."""

NO_RESPONSE_ERRORS = frozenset({"ConnectionError", "HTTPClientError"})
"""Base classes of botocore's errors when DynamoDB was not reached, or did not respond in time."""

ITEM_IN_TRANSACTION = "TransactionConflictException"
"""The code of the error when a transaction is writing the item of a single write."""

OVERLOAD_CODES = TRANSIENT_CODES | {ITEM_IN_TRANSACTION}
"""The second remains only after several attempts."""


def begin_transaction() -> TransactWrite:
    """Return a new transaction: it writes all of its items or none; at most 100 items, each only once."""
    return TransactWrite(connection=get_connection())


def commit(subject: str, add_changes: Callable[[TransactWrite], T]) -> T:
    """Run one guarded transaction, again while another transaction is writing one of its items.

    :param subject: the name of what is written, for the error
    :param add_changes: adds all writes to a new transaction
    :returns: what `add_changes` returned for the transaction that succeeded
    :raises ConditionFailed: an item has changed since it was read
    :raises TransactionConflict: all attempts conflicted with other transactions
    :raises RejectedWrite: DynamoDB never accepts one of the items
    """

    def attempt() -> T:
        try:
            with begin_transaction() as changes:
                added = add_changes(changes)
        except TransactWriteError as error:
            codes = _list_cancellation_codes(error)
            if CONDITION_FAILED in codes:
                failed = tuple(
                    reason is not None and reason.code == CONDITION_FAILED for reason in error.cancellation_reasons
                )
                raise ConditionFailed(f"{subject} has changed since it was read", failed) from error
            if TRANSACTION_CONFLICT in codes:
                raise TransactionConflict(f"{subject} is being changed by other transactions") from error
            if not is_overload(error) and VALIDATION_CODES & {*codes, error.cause_response_code}:
                raise RejectedWrite(_find_rejection(error)) from error
            raise
        return added

    return retry_on_conflict(attempt, TransactionConflict)


def _list_cancellation_codes(error: TransactWriteError) -> set[str]:
    """Return the codes that say why a transaction was cancelled."""
    return {reason.code if reason else "None" for reason in error.cancellation_reasons}


def _find_rejection(error: TransactWriteError) -> str:
    """Return DynamoDB's message about the item that it never accepts."""
    messages = [reason.message for reason in error.cancellation_reasons if reason and reason.code in VALIDATION_CODES]
    return clean_line(messages[0] if messages and messages[0] else error.cause_response_message or str(error))


def find_item(model: type[M], key: str, *, consistent: bool = True) -> M | None:
    """Return an item, or None if there is none."""
    try:
        return model.get(key, consistent_read=consistent)
    except DoesNotExist:
        return None


def save_if(item: Model, condition: Condition) -> bool:
    """Save an item if the condition holds.

    :returns: False if it did not hold
    """
    return _write_if(lambda: item.save(condition=condition))


def update_if(item: Model, actions: Sequence[Action], condition: Condition) -> bool:
    """Update an item if the condition holds.

    :returns: False if it did not hold
    """
    return _write_if(lambda: item.update(actions=list(actions), condition=condition))


def _write_if(write: Callable[[], object]) -> bool:
    """Make a single write with a condition, again while a transaction is writing its item.

    :returns: False if the condition did not hold
    """

    def attempt() -> bool:
        try:
            write()
        except (PutError, UpdateError) as error:
            if not is_overload(error) and error.cause_response_code == CONDITION_FAILED_ERROR:
                return False
            if (getattr(error.cause, "response", None) or {}).get("Error", {}).get("Code") == ITEM_IN_TRANSACTION:
                raise TransactionConflict("the item is being changed by a transaction") from error
            raise
        return True

    try:
        return retry_on_conflict(attempt, TransactionConflict)
    except TransactionConflict as conflict:
        raise conflict.__cause__ or conflict from None


def read_or_log(subject: str, read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or log an unreadable item and return None, so that the others are still read."""
    try:
        return read()
    except (PynamoDBException, ValueError, TypeError) as error:
        LOG.error("%s cannot be read: %s", subject, str(error)[:300])
        return None


def is_overload(error: BaseException) -> bool:
    """Return whether DynamoDB was throttled or did not respond, so that the same request may succeed a moment later."""
    if isinstance(error, DeadlineExceeded):
        return True
    if not isinstance(error, PynamoDBException) or error.cause is None:
        return False
    if isinstance(error, TransactWriteError) and _list_cancellation_codes(error) & THROTTLED_REASONS:
        return True
    # botocore sets the response of an error without one to None, so cause_response_code would raise AttributeError.
    if not NO_RESPONSE_ERRORS.isdisjoint(base.__name__ for base in type(error.cause).__mro__):
        return True
    return error.cause_response_code in OVERLOAD_CODES or is_transient_status(_get_http_status(error.cause))


def _get_http_status(error: Exception) -> int:
    """Return the HTTP status of DynamoDB's response, which PynamoDB drops from its copy of the error; 0 without one."""
    response = getattr(error.__cause__, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
