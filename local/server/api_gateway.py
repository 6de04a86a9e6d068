"""Replacement of API Gateway: it matches the path, builds the Lambda event and translates the response.

It uses classes of `chalice local`, except for their handling of unknown routes and of OPTIONS, which answers without
calling the app.
"""

import gzip
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from chalice.app import Chalice, Response
from chalice.local import LambdaContext, LambdaEventConverter, LocalChalice, RouteMatcher

from chalicelib.api import problems
from chalicelib.api.validation import MAX_BODY_BYTES
from chalicelib.domain.common.errors import ErrorCode
from local.aws.iam.attribution import Identity, act_as

logger = logging.getLogger(__name__)

REJECTION_CODES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ErrorCode.BODY_TOO_LARGE,
    HTTPStatus.BAD_GATEWAY: ErrorCode.INTERNAL_SERVER_ERROR,
}
"""Codes of the rejections that gpudesk's contract has a code for. All others are `request_rejected`."""

MIN_COMPRESSED_BYTES = 1024
"""`MINIMUM_COMPRESSION_SIZE` of the deployment."""

FUNCTION_NAME, MEMORY_MIB, TIMEOUT_MS = "gpudesk-dev", 512, 28_000


Identify = Callable[[str, str], Identity | None]
"""Function that returns the role of the function behind a method and a route, such as GET `/instances/{name}`."""


def act_as_administrator(_method: str, _path: str) -> None:
    """Return no role: the function may do everything."""


@dataclass(frozen=True)
class Reply:
    """HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


class RequestGateway(Protocol):
    """The part that answers the requests of the HTTP server. Any number of threads may use it at once."""

    @property
    def max_body_bytes(self) -> int:
        """Return the length of the largest body that is read."""
        ...

    def refuse_body(self, length: int) -> Reply:
        """Return the answer to a request with a larger body.

        :param length: bytes
        """
        ...

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a request.

        :param target: path and query of the request line
        """
        ...


class Gateway:
    """API Gateway in front of the app. Any number of threads may use it at once."""

    def __init__(self, app: Chalice, identify: Identify = act_as_administrator) -> None:
        """Read the routes of the app."""
        self._identify = identify
        _isolate_requests(app)
        self._app = app
        self._events = LambdaEventConverter(RouteMatcher(list(app.routes)), app.api.binary_types)

    @property
    def max_body_bytes(self) -> int:
        """Return the maximum of the app: a larger body is not worth reading."""
        return MAX_BODY_BYTES

    def refuse_body(self, length: int) -> Reply:
        """Return the answer that the app gives to a larger body."""
        detail = f"The body has {length} bytes. The maximum is {MAX_BODY_BYTES}."
        return build_rejection(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Call the Lambda function and return its response, compressed on request; 502 if the function raises.

        :param target: path and query of the request line
        """
        context = LambdaContext(FUNCTION_NAME, MEMORY_MIB, TIMEOUT_MS)
        reply = self._answer(method, target, headers, body, context)
        reply.headers.setdefault(problems.REQUEST_ID_HEADER, context.aws_request_id)
        accepted = next((value for name, value in headers.items() if name.lower() == "accept-encoding"), "")
        return compress(reply) if accepts_gzip(accepted) else reply

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes, context: LambdaContext) -> Reply:
        try:
            event = self._events.create_lambda_event(method, target, headers, body)
        except ValueError:
            return to_reply(problems.build_route_not_found(target.partition("?")[0]).to_dict())
        try:
            with act_as(self._identify(method, event["requestContext"]["resourcePath"])):
                return to_reply(self._app(event, context))
        except Exception:
            logger.exception("The function failed in request %s.", context.aws_request_id)
            return build_rejection(HTTPStatus.BAD_GATEWAY, "The function failed. Its log has the cause.")


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether the header accepts gzip (RFC 9110, section 12.5.3). An unreadable weight counts as accepted."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = parameter.strip().removeprefix("q=").strip()
    found = weights.get("gzip", weights.get("*"))
    return found is not None and re.fullmatch(r"0(\.0{0,3})?", found) is None


def compress(reply: Reply) -> Reply:
    """Compress a body like API Gateway, whose deployment sets `minimum_compression_size`."""
    if len(reply.body) < MIN_COMPRESSED_BYTES:
        return reply
    headers = {**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Reply(reply.status, headers, gzip.compress(reply.body))


def build_rejection(status: HTTPStatus, detail: str) -> Reply:
    """Return problem details for a request that does not reach the function."""
    code = REJECTION_CODES.get(status, ErrorCode.REQUEST_REJECTED)
    body = problems.build_problem_body(status, detail, code=code)
    return to_reply(Response(body, {"Content-Type": problems.CONTENT_TYPE}, status).to_dict())


def to_reply(response: dict[str, Any]) -> Reply:
    """Return the reply of a response in the form of API Gateway's proxy integration."""
    headers = {name: str(value) for name, value in response["headers"].items()}
    return Reply(response["statusCode"], headers, response["body"].encode("utf-8"))


def _isolate_requests(app: Chalice) -> None:
    """Give each thread a `current_request` of its own.

    A Lambda function handles one request at a time, and Chalice stores it in an attribute of the app.
    """
    if not isinstance(app, LocalChalice):
        app.__class__ = type("ThreadedChalice", (LocalChalice, type(app)), {})
