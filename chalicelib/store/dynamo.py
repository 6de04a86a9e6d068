"""The parts that all tables share: connection, guarded writes, conversion and the meaning of errors.

Nothing here knows a particular table. Only this package uses PynamoDB; its callers get domain values.
"""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, PynamoDBException, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.store.conflicts import TransactionConflict, VersionConflict, retry_on_conflict

LOG = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)
T = TypeVar("T")

PREFIX = os.environ.get("GPUDESK_TABLE_PREFIX", "gpudesk")
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

PARTITION = "all"
"""The only hash key of an index over all instances or all images. A team has hundreds of them, so one is enough."""

CONDITION_FAILED_ERROR = "ConditionalCheckFailedException"
"""The code of the error when the condition of a single write did not hold."""

CONDITION_FAILED = "ConditionalCheckFailed"
TRANSACTION_CONFLICT = "TransactionConflict"
"""Reasons for which a transaction is cancelled, one for each of its items.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

THROTTLING_CODES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""

NO_RESPONSE_ERRORS = frozenset(
    {"ConnectTimeoutError", "ConnectionClosedError", "EndpointConnectionError", "ReadTimeoutError"}
)
"""Classes of botocore's errors when DynamoDB was not reached, or did not respond in time."""


class TableMeta:
    """The settings that all tables share.

    A request must be answered within its function's timeout. So a call to a table has short timeouts and no retries:
    a client gets 503 with Retry-After, and the control loop tries again on its own.
    """

    region = REGION
    billing_mode = "PAY_PER_REQUEST"
    connect_timeout_seconds = 0.5
    read_timeout_seconds = 2.0
    max_retry_attempts = 0


@functools.cache
def get_connection() -> Connection:
    """Return the connection of all transactions. It is cached, because creating one costs more than a call.

    It does not read the `Meta` of a table, so it gets the same limits here.
    """
    return Connection(
        region=REGION,
        connect_timeout_seconds=TableMeta.connect_timeout_seconds,
        read_timeout_seconds=TableMeta.read_timeout_seconds,
        max_retry_attempts=TableMeta.max_retry_attempts,
    )


def begin_transaction() -> TransactWrite:
    """Return a new transaction: it writes all of its items or none; at most 100 items, each only once."""
    return TransactWrite(connection=get_connection())


def commit(subject: str, add_changes: Callable[[TransactWrite], T]) -> T:
    """Run one guarded transaction, again while another transaction is writing one of its items.

    :param subject: the name of what is written, for the error
    :param add_changes: adds all writes to a new transaction
    :returns: what `add_changes` returned for the transaction that succeeded
    :raises VersionConflict: an item has changed since it was read, or all attempts conflicted with other transactions
    """

    def attempt() -> T:
        try:
            with begin_transaction() as changes:
                added = add_changes(changes)
        except TransactWriteError as error:
            codes = list_cancellation_codes(error)
            if CONDITION_FAILED in codes:
                raise VersionConflict(f"{subject} has changed since it was read") from error
            if TRANSACTION_CONFLICT in codes:
                raise TransactionConflict(f"{subject} is being changed by other transactions") from error
            raise
        return added

    return retry_on_conflict(attempt, TransactionConflict)


def list_cancellation_codes(error: TransactWriteError) -> set[str]:
    """Return the codes that say why a transaction was cancelled."""
    return {reason.code if reason else "None" for reason in error.cancellation_reasons}


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
    try:
        item.save(condition=condition)
    except PutError as error:
        if is_throttled(error) or error.cause_response_code != CONDITION_FAILED_ERROR:
            raise
        return False
    return True


def update_if(item: Model, actions: Sequence[Action], condition: Condition) -> bool:
    """Update an item if the condition holds.

    :returns: False if it did not hold
    """
    try:
        item.update(actions=list(actions), condition=condition)
    except UpdateError as error:
        if is_throttled(error) or error.cause_response_code != CONDITION_FAILED_ERROR:
            raise
        return False
    return True


def read_or_log(subject: str, read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or log an unreadable item and return None, so that the others are still read."""
    try:
        return read()
    except (PynamoDBException, ValueError, TypeError) as error:
        LOG.error("%s cannot be read: %s", subject, str(error)[:300])
        return None


def is_throttled(error: BaseException) -> bool:
    """Return whether DynamoDB was throttled or did not respond, so that the same request may succeed a moment later."""
    if not isinstance(error, PynamoDBException):
        return False
    if type(error.cause).__name__ in NO_RESPONSE_ERRORS:
        return True  # botocore sets the response to None, so cause_response_code would raise AttributeError
    return error.cause_response_code in THROTTLING_CODES
