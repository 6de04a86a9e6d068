"""Define gpudesk's own exceptions.

DeskError
├── RequestError                    a request cannot be granted; it is mapped to an HTTP status
│   ├── ValidationFailed            a field is wrong
│   ├── NotFound                    no such instance, image or route, or it belongs to somebody else
│   ├── Forbidden                   the caller is not allowed to do it
│   ├── Unauthenticated             there is no token, or it is not valid
│   ├── Conflict                    the current state does not allow it
│   ├── UpstreamError               AWS rejected a call that the request needs
│   │   └── UpstreamUnavailable     AWS throttled the call or did not respond
│   ├── PreconditionFailed          the request has a condition, and gpudesk has nothing to compare it with
│   └── MalformedRequest, PayloadTooLarge, UnsupportedMediaType
│                                   the body cannot be read; these and PreconditionFailed are in `api/problems.py`
├── DeliveryFailed                  a channel did not accept a notification; gpudesk tries again
│   └── NotificationOutdated        the notification is no longer true; gpudesk does not send it
└── AwsError                        a call of AWS failed; `aws_errors.py` has this part of the tree

Two kinds of errors are not in this tree. The error of a parser is a ValueError in the module of the parser, for example
`setup.parameters.InvalidRecipe`. A write that lost against another one is a `VersionConflict` (`store/conflicts.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import ClassVar

from chalicelib.domain.common.text import pluralize


@unique
class ErrorCode(StrEnum):
    """The `code` of an HTTP error response. Programs rely on it, so a code never changes."""

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
    SESSION_NOT_FOUND = "session_not_found"
    QUOTA_NOT_FOUND = "quota_not_found"
    ADOPTION_NOT_FOUND = "adoption_not_found"
    ROUTE_NOT_FOUND = "route_not_found"
    NOT_FOUND = "not_found"
    # 405
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # 409
    CONFLICT = "conflict"
    CONCURRENT_UPDATE = "concurrent_update"
    NAME_TAKEN = "name_taken"
    LIMIT_REACHED = "limit_reached"
    BUDGET_EXCEEDED = "budget_exceeded"
    QUOTA_EXCEEDED = "quota_exceeded"
    AMBIGUOUS = "ambiguous"
    IN_USE = "in_use"
    NOT_READY = "not_ready"
    NOT_RUNNING = "not_running"
    NOT_LAUNCHED = "not_launched"
    NOT_STOPPED = "not_stopped"
    NOT_MOVING = "not_moving"
    MOVE_IN_PROGRESS = "move_in_progress"
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
    ALREADY_MANAGED = "already_managed"
    NO_INSTANCE_PROFILE = "no_instance_profile"
    ADOPTION_IN_PROGRESS = "adoption_in_progress"
    RECORD_UNREADABLE = "record_unreadable"
    # 412
    PRECONDITION_FAILED = "precondition_failed"
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
    # 502 if AWS rejected the call, 503 if AWS throttled the call or did not respond
    UPSTREAM_ERROR = "upstream_error"
    # 503
    OVERLOADED = "overloaded"
    # Any other status
    REQUEST_REJECTED = "request_rejected"


@dataclass(frozen=True)
class FieldError:
    """An error in one field of a request.

    :param field: path of the field in the body or the query, as "idle_policy.signals"
    :param message: the values that are accepted, without a subject: "must be 1 to 64, not 70"
    """

    field: str
    message: str


class DeskError(Exception):
    """Base class of all exceptions that gpudesk raises on purpose."""


class RequestError(DeskError):
    """A request that cannot be granted.

    :param message: for people: what is wrong, and what to do
    :param code: for programs; None: the default of the class
    :param errors: the fields that are wrong
    :param members: further members of the problem, for programs (RFC 9457, section 3.2)
    """

    default_code: ClassVar[ErrorCode] = ErrorCode.REQUEST_REJECTED

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode | None = None,
        errors: tuple[FieldError, ...] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        """Store the message, the code, the field errors and further members."""
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.errors = errors
        self.members = members or {}


class ValidationFailed(RequestError):
    """One or more fields of the request are wrong."""

    default_code = ErrorCode.INVALID_REQUEST


class NotFound(RequestError):
    """The requested object does not exist, or the caller may not know that it does."""

    default_code = ErrorCode.NOT_FOUND


class Forbidden(RequestError):
    """The caller is not allowed to do this."""

    default_code = ErrorCode.FORBIDDEN


class Unauthenticated(RequestError):
    """The request has no token, or one that is not valid."""

    default_code = ErrorCode.UNAUTHENTICATED


class Conflict(RequestError):
    """The current state of the instance, image or gpudesk does not allow the request."""

    default_code = ErrorCode.CONFLICT


class UpstreamError(RequestError):
    """AWS rejected a call that the request needs."""

    default_code = ErrorCode.UPSTREAM_ERROR


class UpstreamUnavailable(UpstreamError):
    """AWS throttled the call or did not respond; the same request may succeed later."""


class DeliveryFailed(DeskError):
    """A channel did not accept a notification. The text of the exception is the reason."""


class NotificationOutdated(DeliveryFailed):
    """A notification is no longer true, so it is not sent. The text of the exception is the reason."""


def build_validation_error(errors: list[FieldError], *, noun: str = "field") -> ValidationFailed:
    """Return one exception for all invalid fields of a request.

    :param noun: what the message calls a field: "query parameter" for the query
    """
    fields = tuple(dict.fromkeys(error.field for error in errors))
    verb = "is" if len(fields) == 1 else "are"
    message = f"{pluralize(len(fields), noun)} {verb} invalid: {', '.join(fields)}."
    return ValidationFailed(message, errors=tuple(errors))
