"""Errors of DynamoDB for transactions and writes that it does not carry out."""

from typing import Any

from moto.dynamodb.exceptions import TransactionCanceledException

from local.aws.core.errors import CloudError

THROTTLED_REASONS = {
    "ThrottlingError": "Throughput exceeds the current capacity for one or more global secondary indexes.",
    "ProvisionedThroughputExceeded": "The level of configured provisioned throughput for the table was exceeded.",
}
"""Reasons for which DynamoDB cancels a transaction when a table is throttled, with the beginning of their messages.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""


def build_conflict(response: Any) -> Exception:
    """Return the error of a write whose items another transaction holds."""
    reason = "Transaction is ongoing for the item"
    if response.params.get("TransactItems") is None:
        return CloudError("TransactionConflictException", reason)
    return build_cancellation(response, "TransactionConflict", reason)


def build_cancellation(response: Any, code: str, message: str) -> Exception:
    """Return the error of a transaction that is cancelled because of its first item."""
    remaining_items = [(None, None, None)] * (len(response.params["TransactItems"]) - 1)
    return TransactionCanceledException([(code, message, None), *remaining_items])
