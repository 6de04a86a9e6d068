"""Answers that API Gateway gives instead of a function, as the template defines them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import boto3

from local.server.api_gateway import Reply

HEADER = "gatewayresponse.header."
REQUEST_ID = "context.requestId"


class UnknownResponseValue(ValueError):
    """The template uses a value in a gateway response that this module does not know."""


class Failure(StrEnum):
    """A type of gateway response that the local cloud gives."""

    NO_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
    BODY_TOO_LARGE = "REQUEST_TOO_LARGE"
    FUNCTION_FAILED = "INTEGRATION_FAILURE"
    FUNCTION_TOO_SLOW = "INTEGRATION_TIMEOUT"


DEFAULTS = {
    Failure.NO_ROUTE: (HTTPStatus.FORBIDDEN, "DEFAULT_4XX", "Missing Authentication Token"),
    Failure.BODY_TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "DEFAULT_4XX",
        "HTTP content length exceeded 10485760 bytes.",
    ),
    Failure.FUNCTION_FAILED: (HTTPStatus.GATEWAY_TIMEOUT, "DEFAULT_5XX", "Internal server error"),
    Failure.FUNCTION_TOO_SLOW: (HTTPStatus.GATEWAY_TIMEOUT, "DEFAULT_5XX", "Endpoint request timed out"),
}
"""The status in AWS's table, the type whose answer is given if the template has none of the failure's own type, and
AWS's own message if it has neither."""


@dataclass(frozen=True)
class GatewayResponse:
    """An answer of the template.

    :param status: None: the status of the failure
    :param headers: their values are texts in quotation marks, or names of what API Gateway inserts
    """

    status: int | None
    headers: Mapping[str, str]
    content_type: str
    body: str


def read_gateway_responses(region: str, api_id: str) -> Mapping[str, GatewayResponse]:
    """Return the gateway responses of a REST API by type."""
    items = boto3.client("apigateway", region).get_gateway_responses(restApiId=api_id, limit=500)["items"]
    return {item["responseType"]: _parse(item) for item in items}


def build_reply(responses: Mapping[str, GatewayResponse], failure: Failure, request_id: str) -> Reply:
    """Return the answer to a failure. Without one in the template, it is AWS's own.

    :raises UnknownResponseValue: the template uses a value that is not known here
    """
    status, default, message = DEFAULTS[failure]
    response = responses.get(failure) or responses.get(default)
    if response is None:
        return Reply(status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode())
    headers = {name: _resolve(value, request_id) for name, value in response.headers.items()}
    return Reply(
        response.status or status, {"Content-Type": response.content_type, **headers}, response.body.encode("utf-8")
    )


def _parse(item: Any) -> GatewayResponse:
    (content_type, body), *_ = item["responseTemplates"].items()
    return GatewayResponse(
        status=int(item["statusCode"]) if item.get("statusCode") else None,
        headers={name.removeprefix(HEADER): value for name, value in item.get("responseParameters", {}).items()},
        content_type=content_type,
        body=body,
    )


def _resolve(value: str, request_id: str) -> str:
    if value == REQUEST_ID:
        return request_id
    if value.startswith("'") and value.endswith("'"):
        return value[1:-1]
    raise UnknownResponseValue(f"A gateway response has the value {value}, which the local cloud does not know.")
