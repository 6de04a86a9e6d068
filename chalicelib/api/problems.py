"""Every refusal leaves as problem details (RFC 9457): ours, Chalice's own, and what nobody foresaw."""

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

HEALTH_TYPE = "application/health+json"
"""Of what is answered whole although the desk is unwell (draft-inadarei-api-health-check). Else: problems."""


class MalformedRequest(RequestError):
    """The request cannot be understood at all."""

    default_code: ClassVar[ErrorCode] = ErrorCode.MALFORMED_REQUEST


class PayloadTooLarge(RequestError):
    """The body is larger than any request needs."""

    default_code: ClassVar[ErrorCode] = ErrorCode.BODY_TOO_LARGE


class UnsupportedMediaType(RequestError):
    """The body is something other than JSON."""

    default_code: ClassVar[ErrorCode] = ErrorCode.UNSUPPORTED_MEDIA_TYPE


STATUSES: Mapping[type[RequestError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    ValidationFailed: 422,
    UpstreamError: 502,
    UpstreamUnavailable: 503,
}

RETRY_AFTER_SECONDS = 5
"""Seconds after which a request that was answered with a 503 may be sent again."""


def problem_body(status: int, detail: str, *, code: ErrorCode, errors: tuple[FieldError, ...] = ()) -> dict[str, Any]:
    """The members of a problem; `code` is for programs and does not change, `detail` is for people."""
    title = http.HTTPStatus(status).phrase
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": str(code),
        "errors": [{"field": error.field, "message": error.message} for error in errors],
    }


def to_response(refusal: RequestError) -> Response:
    """What a refusal looks like from outside."""
    status = STATUSES[type(refusal)]
    body = problem_body(status, refusal.message, code=refusal.code, errors=refusal.errors)
    return _response(status, body, _headers(refusal, status))


def problem_middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: what Chalice answers by itself (405, an exception's 500) becomes a problem, too."""
    try:
        response = get_response(request)
    except Exception:
        LOG.exception("a request failed outside of its view")
        return _unforeseen(request)
    content_type = str(response.headers.get("Content-Type", ""))
    if response.status_code < http.HTTPStatus.BAD_REQUEST or content_type in (CONTENT_TYPE, HEALTH_TYPE):
        return response
    if response.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        return method_not_allowed(request.method, str(response.headers.get("Allow", "")))
    if response.status_code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unforeseen(request)
    body = problem_body(response.status_code, "the request was refused", code=ErrorCode.REQUEST_REJECTED)
    return _response(response.status_code, body, {})


def service_unavailable() -> Response:
    """The table has more to do than it can; nothing is lost by asking again."""
    LOG.warning("DynamoDB is overloaded: a request was answered with a 503")
    detail = "the desk's table is overloaded; try again in a few seconds"
    return _response(
        503, problem_body(503, detail, code=ErrorCode.OVERLOADED), {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def route_not_found(path: str) -> Response:
    """There is nothing at this address."""
    detail = f"there is nothing at {path[:80]}; GET /openapi.json lists what there is"
    return _response(404, problem_body(404, detail, code=ErrorCode.ROUTE_NOT_FOUND), {})


def method_not_allowed(method: str, allow: str) -> Response:
    """There is something at this address, but not for this method."""
    detail = f"{method[:20]} is not possible here; what is: {allow}"
    return _response(405, problem_body(405, detail, code=ErrorCode.METHOD_NOT_ALLOWED), {"Allow": allow})


def _headers(refusal: RequestError, status: int) -> dict[str, str]:
    match status:
        case http.HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": _challenge(refusal)}
        case http.HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case _:
            return {}


def _challenge(refusal: RequestError) -> str:
    notification = ', error="invalid_token"' if refusal.code == ErrorCode.INVALID_TOKEN else ""
    return f'Bearer realm="gpudesk"{notification}'


def _unforeseen(request: Request) -> Response:
    request_id = getattr(request.lambda_context, "aws_request_id", "unknown")
    LOG.error("request %s was answered with a 500: %s %s", request_id, request.method, request.path)
    detail = f"the desk failed; what happened is in its log under request {request_id}"
    return _response(500, problem_body(500, detail, code=ErrorCode.INTERNAL_SERVER_ERROR), {})


def _response(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    always = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    return Response(body=body, status_code=status, headers={**always, **headers})
