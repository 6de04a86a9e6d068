"""Errors of AWS with the HTTP statuses that AWS gives them. moto answers 400 to nearly all."""

from moto.core.errors import COMMON_ERROR_CODES
from moto.core.exceptions import ServiceException

HTTP_STATUSES = {
    "AuthFailure": 401,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": 403,
    "InsufficientAddressCapacity": 500,
    "InsufficientCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "OptInRequired": 401,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
"""HTTP status by error code; all other codes are a 400. EC2's missing capacity is a 500, which SDKs retry."""


class CloudError(ServiceException):
    """An error of AWS.

    :param status: HTTP status of an injected fault that differs from AWS's; None takes AWS's
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        """Create the error, and teach moto the code so that it does not warn about it."""
        super().__init__(code, message)
        self.status = status
        # moto warns of codes that the service's model does not list. Models do not list the common ones.
        if code not in COMMON_ERROR_CODES:
            COMMON_ERROR_CODES.append(code)


def find_http_status(error: ServiceException, default: int) -> int:
    """Return the HTTP status with which AWS answers an error.

    :param default: moto's status for it
    """
    return getattr(error, "status", None) or HTTP_STATUSES.get(error.code, default)
