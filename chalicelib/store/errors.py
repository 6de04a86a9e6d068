"""What DynamoDB's refusals mean to whoever waits for an answer."""

from pynamodb.exceptions import PynamoDBException

OVERLOADED = frozenset(
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


def is_overloaded(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    return isinstance(error, PynamoDBException) and error.cause_response_code in OVERLOADED
