"""List the errors after which the same call of AWS may succeed, for all services.

`aws/errors.py` and `store/dynamo.py` use the list. Each adds only the codes of its own services.
"""

from http import HTTPStatus

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Codes of throttling, whatever the HTTP status: those that botocore repeats.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

TRANSIENT_CODES = THROTTLING_CODES | frozenset(
    {
        "BadDigest",
        "ExpiredToken",
        "ExpiredTokenException",
        "IDPCommunicationError",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ReplicatedWriteConflictException",
        "RequestExpired",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
"""The other codes that botocore repeats (`botocore/retries/standard.py`, `botocore/data/_retry.json`), and those of
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html.

`ReplicatedWriteConflictException`: another region writes the same item of a global table.
"""


def is_transient_status(status: int) -> bool:
    """Return whether an HTTP status means that the same call may succeed later, if the code is unknown."""
    return status >= 500 or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
