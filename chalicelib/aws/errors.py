"""Translate the errors of the AWS SDK. The code decides; the HTTP status decides only about unknown codes.

InsufficientInstanceCapacity, for example, has the status 500.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.domain.common.aws_errors import (
    AgentNotConnected,
    AwsDuplicate,
    AwsError,
    AwsForbidden,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    RegionNotEnabled,
    RegionPending,
    TransientAwsError,
)
from chalicelib.transient_errors import TRANSIENT_CODES, is_transient_status

NO_CAPACITY_CODES = frozenset(
    {
        "InsufficientAddressCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientVolumeCapacity",
        "InsufficientFreeAddressesInSubnet",
        "SpotMaxPriceTooLow",
        "Unsupported",
    }
)
"""EC2 returns `Unsupported` if the zone does not offer the instance type, and `SpotMaxPriceTooLow` if the spot price of
the zone is above the maximum price, which is the on-demand price."""

REGION_PENDING_CODES = frozenset({"PendingVerification"})

REGION_NOT_ENABLED_CODES = frozenset({"OptInRequired"})

QUOTA_CODES = frozenset(
    {
        "VcpuLimitExceeded",
        "InstanceLimitExceeded",
        "VolumeLimitExceeded",
        "MaxIOPSLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "NetworkInterfaceLimitExceeded",
    }
)

NOT_FOUND_CODES = frozenset(
    {
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
        "InvalidGroup.NotFound",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceId",
        "InvalidSnapshot.NotFound",
        "InvalidSpotInstanceRequestID.NotFound",
        "InvalidSubnetID.NotFound",
        "InvocationDoesNotExist",
        "ParameterNotFound",
    }
)

NOT_CONNECTED_CODES = frozenset({"TargetNotConnected"})

FORBIDDEN_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

DUPLICATE_CODES = frozenset({"InvalidAMIName.Duplicate", "ResourceAlreadyExistsException"})

INVALID_PROFILE = re.compile(r"Invalid IAM Instance Profile", re.IGNORECASE)
"""The message of an `InvalidParameterValue` while EC2 does not see a new instance profile yet, which takes minutes:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""

EC2_TRANSIENT_CODES = frozenset(
    {
        "ConcurrentSnapshotLimitExceeded",
        "IdempotentParameterMismatch",
        "IncorrectInstanceState",
        "IncorrectSpotRequestState",
        "IncorrectState",
        "InvalidSnapshot.InUse",
        "ServerInternal",
        "Unavailable",
    }
)
"""Errors of EC2 after which the same call may succeed.

`IncorrectInstanceState`: a start while the instance is stopping, or a stop while it is pending; the next pass observes
its new state.
`IncorrectSpotRequestState`: a start of an instance that EC2 has interrupted; EC2 starts it itself.
`IdempotentParameterMismatch`: an instance was launched with this token; the next pass finds it by its tags.
"""


def translate_error(error: Exception) -> AwsError:
    """Return the domain error for an error of the SDK.

    It has AWS's code and message if AWS responded, otherwise the name of the SDK's error and a message of gpudesk.
    """
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        message = str(error.response.get("Error", {}).get("Message", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _choose_error_class(code, message, status)(code, message)
    name = type(error).__name__
    if isinstance(error, ParamValidationError):
        report = " ".join(str(error.kwargs.get("report", error)).split())
        return PermanentAwsError(name, f"gpudesk did not make the call, because a parameter is invalid: {report}")
    return TransientAwsError(name, "AWS was not reached or did not respond")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise domain errors for the errors of the SDK that are raised inside.

    :raises AwsError: AWS rejected a call or did not respond
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate_error(error) from error


def _choose_error_class(code: str, message: str, status: int) -> type[AwsError]:
    """Return the class for a code. For an unknown code the status decides: a 5xx, as from a proxy, is transient."""
    if code == "InvalidParameterValue" and INVALID_PROFILE.search(message):
        return AwsNotFound
    for codes, error_class in (
        (NO_CAPACITY_CODES, InsufficientCapacity),
        (QUOTA_CODES, QuotaExceeded),
        (NOT_FOUND_CODES, AwsNotFound),
        (NOT_CONNECTED_CODES, AgentNotConnected),
        (FORBIDDEN_CODES, AwsForbidden),
        (DUPLICATE_CODES, AwsDuplicate),
        (REGION_PENDING_CODES, RegionPending),
        (REGION_NOT_ENABLED_CODES, RegionNotEnabled),
        (TRANSIENT_CODES | EC2_TRANSIENT_CODES, TransientAwsError),
    ):
        if code in codes:
            return error_class
    return TransientAwsError if is_transient_status(status) else PermanentAwsError
