"""The desk's own exceptions.

DeskError
├── Refused             a person asked for something that cannot be: mapped to a status, with the fields
│   ├── Invalid         a field is wrong
│   ├── NotFound        no such instance, token or route
│   ├── Forbidden       somebody else's
│   ├── Unauthenticated no token, or one that is not valid
│   ├── Conflict        what stands now does not allow it
│   └── UpstreamError   AWS rejected a call that the request needs
│       └── UpstreamUnavailable   AWS was throttled or silent: the same request may succeed later
├── NotDelivered        a channel did not take what people are to be told; it is tried again
└── CloudError          AWS said no: the loop decides what follows
    ├── TryLater        throttled, out of order, no answer: the same call again
    ├── NoCapacity      not here, not now: another zone
    ├── OverQuota       the account's limit
    ├── Missing         AWS does not know the id (yet, or any more)
    └── GiveUp          it will not work as asked, with what to do
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import ClassVar


@unique
class ErrorCode(StrEnum):
    """The `code` of an HTTP error response. Programs rely on it, so a code does not change."""

    # 400
    MALFORMED_REQUEST = "malformed_request"
    # 401
    TOKEN_MISSING = "token_missing"  # noqa: S105
    INVALID_TOKEN = "invalid_token"  # noqa: S105
    UNAUTHENTICATED = "unauthenticated"
    # 403
    ADMIN_ONLY = "admin_only"
    FORBIDDEN = "forbidden"
    # 404
    INSTANCE_NOT_FOUND = "instance_not_found"
    IMAGE_NOT_FOUND = "image_not_found"
    ROUTE_NOT_FOUND = "route_not_found"
    NOT_FOUND = "not_found"
    # 405
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # 409
    CONFLICT = "conflict"
    CONCURRENT_UPDATE = "concurrent_update"
    NAME_TAKEN = "name_taken"
    LIMIT_REACHED = "limit_reached"
    AMBIGUOUS = "ambiguous"
    IN_USE = "in_use"
    NOT_READY = "not_ready"
    NOT_RUNNING = "not_running"
    NOT_LAUNCHED = "not_launched"
    NO_GPU = "no_gpu"
    NO_JUPYTER = "no_jupyter"
    DESK_PAUSED = "desk_paused"
    INSTANCE_TERMINATED = "instance_terminated"
    INSTANCE_FAILED = "instance_failed"
    IMAGE_IN_PROGRESS = "image_in_progress"
    IMAGE_NOT_READY = "image_not_ready"
    BENCHMARK_IN_PROGRESS = "benchmark_in_progress"
    SETUP_IN_PROGRESS = "setup_in_progress"
    PREVIOUS_SETUP_FAILED = "previous_setup_failed"
    SECRETS_REMOVED = "secrets_removed"
    TAGS_MISSING = "tags_missing"
    STOP_ALREADY_STARTED = "stop_already_started"
    # 413
    BODY_TOO_LARGE = "body_too_large"
    # 415
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    # 422
    INVALID_REQUEST = "invalid_request"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    OWNER_REQUIRED = "owner_required"
    # 500
    INTERNAL_SERVER_ERROR = "internal_server_error"
    # 502 where AWS rejected the call, 503 where it was throttled or silent
    UPSTREAM_ERROR = "upstream_error"
    # 503
    OVERLOADED = "overloaded"
    # Any other status
    REQUEST_REJECTED = "request_rejected"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request, and what would be right."""

    field: str
    message: str


class DeskError(Exception):
    """The root of everything that the desk raises on purpose."""


class RequestError(DeskError):
    """A request that cannot be granted.

    :param code: for programs
    :param message: for people: what was wrong and what would be right
    """

    default_code: ClassVar[ErrorCode] = ErrorCode.REQUEST_REJECTED

    def __init__(self, message: str, *, code: ErrorCode | None = None, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.errors = errors


class ValidationFailed(RequestError):
    """One or more fields are wrong."""

    default_code = ErrorCode.INVALID_REQUEST


class NotFound(RequestError):
    """There is no such thing, or it is not the caller's to know of."""

    default_code = ErrorCode.NOT_FOUND


class Forbidden(RequestError):
    """The caller may not."""

    default_code = ErrorCode.FORBIDDEN


class Unauthenticated(RequestError):
    """The caller did not say who they are in a way that we can check."""

    default_code = ErrorCode.UNAUTHENTICATED


class Conflict(RequestError):
    """The state of things does not allow it now."""

    default_code = ErrorCode.CONFLICT


class UpstreamError(RequestError):
    """AWS rejected a call that the request needs."""

    default_code = ErrorCode.UPSTREAM_ERROR


class UpstreamUnavailable(UpstreamError):
    """AWS was throttled or silent; the same request may succeed later."""


class DeliveryFailed(DeskError):
    """A channel did not take it; the text says why."""


class AwsError(DeskError):
    """AWS refused or did not answer.

    :param code: AWS's own error code, or ours where there was no answer
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def description(self) -> str:
        """Message and code, as a sentence."""
        return f"{self.message.rstrip('. ')} ({self.code})."


class TransientAwsError(AwsError):
    """The same call may succeed later; whether this one took effect is not known."""


class InsufficientCapacity(AwsError):
    """AWS has no such instance to give in this zone now."""


class QuotaExceeded(AwsError):
    """The account's limit does not allow it."""


class AwsNotFound(AwsError):
    """AWS does not know the id: not yet, or no longer."""


class PermanentAwsError(AwsError):
    """Asked like this it never works: a permission, a parameter, a type that is not offered."""


class PrerequisiteMissing(PermanentAwsError):
    """gpudesk did not make a call, because AWS lacks something that the call needs. No AWS error code exists for it."""

    def __init__(self, message: str) -> None:
        super().__init__("PrerequisiteMissing", message)

    @property
    def description(self) -> str:
        """Return the message as a sentence, without a code."""
        return f"{self.message.rstrip('. ')}."


def validation_failed(errors: list[FieldError]) -> ValidationFailed:
    """One refusal of all that is wrong."""
    fields = ", ".join(dict.fromkeys(error.field for error in errors))
    return ValidationFailed(f"the request cannot be granted as it is: see {fields}", errors=tuple(errors))
