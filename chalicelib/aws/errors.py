"""AWS's error codes, translated once. By code, never by HTTP status: InsufficientInstanceCapacity is a 500.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.domain.common.errors import (
    AwsError,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    TransientAwsError,
)

NO_CAPACITY_CODES = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "Unsupported",
    }
)
"""`Unsupported` is what EC2 says where a zone does not offer the type."""

QUOTA_CODES = frozenset(
    {"VcpuLimitExceeded", "InstanceLimitExceeded", "VolumeLimitExceeded", "MaxSpotInstanceCountExceeded"}
)

NOT_FOUND_CODES = frozenset(
    {
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceId",
        "InvalidSnapshot.NotFound",
        "InvocationDoesNotExist",
        "TargetNotConnected",
    }
)

TRANSIENT_CODES = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "Unavailable",
        "RequestTimeout",
        "RequestExpired",
        "IncorrectInstanceState",
        "IncorrectState",
        "InvalidSnapshot.InUse",
        "PendingVerification",
        "ServerInternal",
        "InternalException",
        "EC2ThrottledException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IdempotentParameterMismatch",
    }
)
"""`IncorrectInstanceState` too: a start while it is stopping, a stop while it is pending. The next look sees.
`IdempotentParameterMismatch`: something was launched with this token; the next look finds it by its tags."""


def translate(error: Exception) -> AwsError:
    """What an error of the SDK means to the loop."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        message = str(error.response.get("Error", {}).get("Message", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _kind(code, status)(code, message)
    if isinstance(error, ParamValidationError):
        return PermanentAwsError("ParamValidation", str(error))
    return TransientAwsError("NoAnswer", f"{type(error).__name__}: {error}")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what the SDK raises into the desk's own errors.

    :raises CloudError: one of its kinds
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error


def _kind(code: str, status: int) -> type[AwsError]:
    """The status counts only for codes that we do not know: a 503 of some proxy is no definite answer."""
    for codes, kind in (
        (NO_CAPACITY_CODES, InsufficientCapacity),
        (QUOTA_CODES, QuotaExceeded),
        (NOT_FOUND_CODES, AwsNotFound),
        (TRANSIENT_CODES, TransientAwsError),
    ):
        if code in codes:
            return kind
    return TransientAwsError if status >= 500 else PermanentAwsError
