"""API Gateway in front of deployed functions: it matches the routes of the template and invokes their functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
"""

import base64
import logging
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from chalice.local import RouteMatcher

from chalicelib.api import problems
from local.deployed.errors import FunctionFailed
from local.deployed.function import Function
from local.deployed.gateway_responses import Failure, build_reply
from local.deployed.routes import RestApi
from local.server.api_gateway import Reply, accepts_gzip, compress

logger = logging.getLogger(__name__)

SOURCE_IP = "127.0.0.1"

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Largest body of a request. No account can have a higher limit."""

TIMEOUT_SECONDS = 29.0
"""Time for which API Gateway waits for a function, unless the account has a higher quota."""


class DeployedGateway:
    """Gateway of one REST API. Any number of threads may use it at once."""

    max_body_bytes = MAX_BODY_BYTES

    def __init__(
        self, api: RestApi, functions: Mapping[str, Function], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Read the routes.

        :param functions: all functions by ARN
        :param timeout_seconds: real seconds for which a request waits for its function
        """
        self._timeout_seconds = timeout_seconds
        self._api = api
        self._functions = functions
        self._matcher = RouteMatcher(list(api.routes))

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Invoke the function of a route and return its response, compressed on request.

        :param target: path, which begins with the stage, and query of the request line
        """
        request_id = str(uuid.uuid4())
        if len(body) > self.max_body_bytes:
            return self.refuse_body(len(body))
        reply = self._answer(method, target, headers, body, request_id)
        reply.headers.setdefault(problems.REQUEST_ID_HEADER, request_id)
        return compress(reply) if accepts_gzip(_find_header(headers, "accept-encoding")) else reply

    def refuse_body(self, length: int) -> Reply:
        """Return the answer of the template to a body that is too large."""
        request_id = str(uuid.uuid4())
        logger.info("Request %s has a body of %d bytes.", request_id, length)
        reply = build_reply(self._api.responses, Failure.BODY_TOO_LARGE, request_id)
        reply.headers.setdefault(problems.REQUEST_ID_HEADER, request_id)
        return reply

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes, request_id: str) -> Reply:
        try:
            event, function = self._build_event(method, target, headers, body)
        except ValueError:
            return build_reply(self._api.responses, Failure.NO_ROUTE, request_id)
        event["requestContext"]["requestId"] = request_id
        try:
            return _parse_reply(self._invoke(function, event))
        except TimeoutError:
            logger.warning("Request %s took longer than %s s.", request_id, self._timeout_seconds)
            return build_reply(self._api.responses, Failure.FUNCTION_TOO_SLOW, request_id)
        except FunctionFailed:
            logger.exception("The function failed in request %s.", request_id)
            return build_reply(self._api.responses, Failure.FUNCTION_FAILED, request_id)

    def _invoke(self, function: Function, event: Mapping[str, Any]) -> Any:
        """Return the response of a function. It goes on running after a timeout, as on AWS.

        :raises FunctionFailed: the function failed
        :raises TimeoutError: the function takes too long
        """
        response: Future[Any] = Future()

        def invoke() -> None:
            try:
                response.set_result(function.invoke(event))
            except Exception as error:  # noqa: BLE001 - the waiting thread raises it
                response.set_exception(error)

        threading.Thread(target=invoke, name="integration", daemon=True).start()
        return response.result(self._timeout_seconds)

    def _build_event(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[dict[str, Any], Function]:
        """Return the event of a request, and the function that answers it.

        :raises ValueError: no route has this path and method
        """
        stage, _, rest = target.removeprefix("/").partition("/")
        if stage != self._api.stage:
            raise ValueError(f"{target} is outside the stage.")
        match = self._matcher.match_route(f"/{rest}")
        path = f"/{rest}".partition("?")[0]
        methods = self._api.routes[match.route]
        if method not in methods:
            raise ValueError(f"{match.route} has no {method}.")
        is_binary = _find_header(headers, "content-type") in self._api.binary_types
        event = {
            "resource": match.route,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in match.query_params.items()} or None,
            "multiValueQueryStringParameters": match.query_params or None,
            "pathParameters": match.captured or None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": match.route,
                "httpMethod": method,
                "path": f"/{stage}{path}",
                "stage": stage,
                "apiId": self._api.id,
                "protocol": "HTTP/1.1",
                "identity": {"sourceIp": SOURCE_IP},
            },
            "body": _encode_body(body, is_binary=is_binary),
            "isBase64Encoded": is_binary,
        }
        return event, self._functions[methods[method]]


def _find_header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _encode_body(body: bytes, *, is_binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if is_binary else body.decode("utf-8", errors="replace")


def _parse_reply(response: Any) -> Reply:
    """Return the reply of a function's response."""
    headers = {name: str(value) for name, value in response.get("headers", {}).items()}
    headers |= {name: ", ".join(map(str, values)) for name, values in response.get("multiValueHeaders", {}).items()}
    body = response.get("body") or ""
    content = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode("utf-8")
    return Reply(response["statusCode"], headers, content)
