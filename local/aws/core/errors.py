"""AWS's errors, with the HTTP statuses that AWS gives them (moto answers 400 to nearly all)."""

from moto.core.errors import COMMON_ERROR_CODES
from moto.core.exceptions import ServiceException

STATUS = {
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
"""By code; every other one is a 400. EC2's lack of capacity is a 500, which SDKs take for a reason to retry."""


class CloudError(ServiceException):
    """An error of AWS's, by its code.

    :param status: where the fault that was ordered wants another HTTP status than AWS's
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        # moto warns of codes that the service's model does not list; those common to all of AWS are in none
        if code not in COMMON_ERROR_CODES:
            COMMON_ERROR_CODES.append(code)


def http_status(error: ServiceException, default: int) -> int:
    """What AWS answers this error with; `default` is moto's idea of it."""
    return getattr(error, "status", None) or STATUS.get(error.code, default)
