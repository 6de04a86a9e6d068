"""Error responses as problem details (RFC 9457): for gpudesk's errors, Chalice's errors and unexpected exceptions."""

import http
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from chalice.app import Request, Response

from chalicelib.domain.common.errors import (
    Conflict,
    ErrorCode,
    FieldError,
    Forbidden,
    NotFound,
    RequestError,
    Unauthenticated,
    UpstreamError,
    UpstreamUnavailable,
    ValidationFailed,
)

LOG = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

HEALTH_CONTENT_TYPE = "application/health+json"
"""Content type of GET /healthz with status 503, which is not a problem: draft-inadarei-api-health-check."""

RETRY_AFTER_SECONDS = 5
"""The Retry-After header of every 503."""

REQUEST_ID_HEADER = "X-Request-Id"
"""The id under which the log of the function has the request."""


class MalformedRequest(RequestError):
    """The body is not valid JSON in UTF-8."""

    default_code: ClassVar[ErrorCode] = ErrorCode.MALFORMED_REQUEST


class PayloadTooLarge(RequestError):
    """The body is larger than any valid request."""

    default_code: ClassVar[ErrorCode] = ErrorCode.BODY_TOO_LARGE


class UnsupportedMediaType(RequestError):
    """The headers declare a body other than JSON in UTF-8."""

    default_code: ClassVar[ErrorCode] = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class PreconditionFailed(RequestError):
    """The request has a condition that cannot hold, because gpudesk's answers have no entity tags."""

    default_code: ClassVar[ErrorCode] = ErrorCode.PRECONDITION_FAILED


STATUSES: Mapping[type[RequestError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    ValidationFailed: 422,
    UpstreamError: 502,
    UpstreamUnavailable: 503,
}


def build_problem_body(
    status: int, detail: str, *, code: ErrorCode, errors: tuple[FieldError, ...] = ()
) -> dict[str, Any]:
    """Return the members of a problem.

    :param detail: for people
    :param code: for programs; it does not change
    """
    title = http.HTTPStatus(status).phrase
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": str(code),
        "errors": [{"field": error.field, "message": error.message} for error in errors],
    }


def to_response(error: RequestError) -> Response:
    """Return the HTTP response of an error that gpudesk raised on purpose."""
    status = STATUSES[type(error)]
    body = build_problem_body(status, error.message, code=error.code, errors=error.errors)
    return _build_response(status, {**body, **error.members}, _choose_headers(error, status))


def problem_middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Add the id of the request, and return problems for the errors that Chalice answers by itself: 405 and 500."""
    response = _answer(request, get_response)
    response.headers[REQUEST_ID_HEADER] = _get_request_id(request)
    return response


def _answer(request: Request, get_response: Callable[[Request], Response]) -> Response:
    try:
        response = get_response(request)
    except Exception:
        LOG.exception("a request failed outside its handler")
        return _internal_error(request)
    content_type = str(response.headers.get("Content-Type", ""))
    if response.status_code < http.HTTPStatus.BAD_REQUEST or content_type in (CONTENT_TYPE, HEALTH_CONTENT_TYPE):
        return response
    if response.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        return build_method_not_allowed(request.method, str(response.headers.get("Allow", "")))
    if response.status_code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return _internal_error(request)
    body = build_problem_body(response.status_code, "The request was rejected.", code=ErrorCode.REQUEST_REJECTED)
    return _build_response(response.status_code, body, {})


def build_service_unavailable() -> Response:
    """Return the 503 of a request that DynamoDB throttled or did not answer in time.

    The client can send the same request again.
    """
    LOG.warning("DynamoDB throttled a request or did not answer in time; the request was answered with a 503")
    detail = f"DynamoDB is overloaded or does not respond. Try again in {RETRY_AFTER_SECONDS} seconds."
    return _build_response(
        503, build_problem_body(503, detail, code=ErrorCode.OVERLOADED), {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def build_record_unreadable(record_id: str, error: Exception) -> Response:
    """Return the 409 of a request that needs a record which gpudesk cannot read.

    :param error: says what is wrong in the record, for the log
    """
    LOG.error("a request was answered with a 409: %s", error)
    detail = (
        f"gpudesk cannot read its record {record_id}, so it can neither show nor change it. An admin must repair the "
        "record. The log of gpudesk says what is wrong in it."
    )
    return _build_response(409, build_problem_body(409, detail, code=ErrorCode.RECORD_UNREADABLE), {})


def build_route_not_found(path: str) -> Response:
    """Return the 404 of a path that no route has."""
    detail = f"Path {path[:80]} does not exist. GET /openapi.json lists all paths."
    return _build_response(404, build_problem_body(404, detail, code=ErrorCode.ROUTE_NOT_FOUND), {})


def build_method_not_allowed(method: str, allowed: str) -> Response:
    """Return the 405 of a path that exists, but not with this method.

    :param allowed: the methods of the path, separated by commas
    """
    methods = ", ".join(sorted(part.strip() for part in allowed.split(",")))
    detail = f"{method[:20]} is not allowed. Allowed: {methods}."
    return _build_response(405, build_problem_body(405, detail, code=ErrorCode.METHOD_NOT_ALLOWED), {"Allow": methods})


def _choose_headers(error: RequestError, status: int) -> dict[str, str]:
    match status:
        case http.HTTPStatus.UNAUTHORIZED:
            reason = ', error="invalid_token"' if error.code == ErrorCode.INVALID_TOKEN else ""
            return {"WWW-Authenticate": f'Bearer realm="gpudesk"{reason}'}
        case http.HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case _:
            return {}


def _get_request_id(request: Request) -> str:
    return str(getattr(request.lambda_context, "aws_request_id", "unknown"))


def _internal_error(request: Request) -> Response:
    request_id = _get_request_id(request)
    LOG.error("request %s was answered with a 500: %s %s", request_id, request.method, request.path)
    detail = f"gpudesk failed. Its log has the details under request {request_id}. Send this id to an admin."
    return _build_response(500, build_problem_body(500, detail, code=ErrorCode.INTERNAL_SERVER_ERROR), {})


def _build_response(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(
        body=body, status_code=status, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", **headers}
    )
