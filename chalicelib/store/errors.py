"""What DynamoDB's refusals mean to whoever waits for an answer."""

from pynamodb.exceptions import PynamoDBException

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

NO_ANSWER = frozenset({"ConnectTimeoutError", "ConnectionClosedError", "EndpointConnectionError", "ReadTimeoutError"})
"""What botocore raises where the table was not reached, or did not answer in time."""


def is_throttled(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if not isinstance(error, PynamoDBException):
        return False
    return error.cause_response_code in THROTTLING_CODES or type(error.cause).__name__ in NO_ANSWER
