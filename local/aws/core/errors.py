"""Errors of AWS with the HTTP statuses of AWS. moto answers nearly all of them with status 400."""

from moto.core.errors import COMMON_ERROR_CODES
from moto.core.exceptions import ServiceException

HTTP_STATUSES = {
    "AuthFailure": 401,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": 403,
    "BandwidthLimitExceeded": 509,
    "EC2ThrottledException": 503,
    "InsufficientAddressCapacity": 500,
    "InsufficientCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InsufficientInstanceCapacity": 500,
    "InsufficientReservedInstanceCapacity": 500,
    "InsufficientVolumeCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "OptInRequired": 401,
    "ReplicatedWriteConflictException": 409,
    "RequestLimitExceeded": 503,
    "RequestThrottled": 403,
    "RequestTimeoutException": 408,
    "ServerInternal": 500,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SlowDown": 503,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
"""HTTP status by error code; all other codes have 400. EC2 answers missing capacity with 500, so SDKs retry it.

The statuses of throttling are those that botocore expects for the code (its file `_retry.json`)."""


class CloudError(ServiceException):
    """An error of AWS.

    :param status: HTTP status of an injected fault; None takes the status of AWS for the code
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        """Create the error, and teach moto the code so that it does not warn about it."""
        super().__init__(code, message)
        self.status = status
        # moto warns about codes that the service's model does not list, unless they are in this list.
        if code not in COMMON_ERROR_CODES:
            COMMON_ERROR_CODES.append(code)


def find_http_status(error: ServiceException, default: int) -> int:
    """Return the HTTP status with which AWS answers an error.

    :param default: status of moto for this error
    """
    return getattr(error, "status", None) or HTTP_STATUSES.get(error.code, default)
