"""API Gateway of a deployed stack: events, routes, and the answers that the template defines."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from local.deployed.errors import FunctionFailed
from local.deployed.function import Function
from local.deployed.gateway import DeployedGateway
from local.deployed.gateway_responses import GatewayResponse, UnknownResponseValue
from local.deployed.routes import RestApi

RESPONSES = {
    "MISSING_AUTHENTICATION_TOKEN": GatewayResponse(404, {"X-Request-Id": "context.requestId"}, "a/b", "none"),
    "DEFAULT_5XX": GatewayResponse(None, {"Cache-Control": "'no-store'"}, "a/b", "failed"),
}


class EchoFunction:
    """Function that returns its event."""

    def invoke(self, event: Mapping[str, Any]) -> Any:
        if event["path"] == "/fail":
            raise FunctionFailed("echo", "KeyError", "a")
        return {
            "statusCode": 200,
            "headers": {"A": 1},
            "multiValueHeaders": {"B": ["1", "2"]},
            "body": json.dumps(event),
        }


def build_gateway(responses: Mapping[str, GatewayResponse] = RESPONSES) -> DeployedGateway:
    routes = {"/things/{name}": {"GET": "echo"}, "/fail": {"GET": "echo"}, "/files": {"POST": "echo"}}
    api = RestApi(id="x", stage="api", routes=routes, binary_types=("image/png",), responses=responses)
    return DeployedGateway(api, {"echo": cast("Function", EchoFunction())})


def test_function_gets_the_event_of_a_proxy_integration() -> None:
    reply = build_gateway().handle("GET", "/api/things/a?b=1&b=2", {"Accept": "x"}, b"")
    event = json.loads(reply.body)
    assert (reply.status, reply.headers["A"], reply.headers["B"]) == (200, "1", "1, 2")
    assert event["resource"] == "/things/{name}"
    assert event["requestContext"]["path"] == "/api/things/a"
    assert event["pathParameters"] == {"name": "a"}
    assert event["multiValueQueryStringParameters"] == {"b": ["1", "2"]}
    assert event["headers"] == {"Accept": "x"}
    assert event["body"] is None
    assert event["requestContext"]["requestId"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"), [("image/png", "w6k=", True), ("application/json", "é", False)]
)
def test_binary_body_is_encoded(content_type: str, body: str, is_base64: bool) -> None:
    reply = build_gateway().handle("POST", "/api/files", {"Content-Type": content_type}, "é".encode())
    event = json.loads(reply.body)
    assert (event["body"], event["isBase64Encoded"]) == (body, is_base64)


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/things/a"), ("GET", "/api/other"), ("PUT", "/api/things/a"), ("GET", "/")]
)
def test_unknown_route_gets_the_answer_of_the_template(method: str, target: str) -> None:
    reply = build_gateway().handle(method, target, {}, b"")
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (404, "a/b", b"none")
    assert reply.headers["X-Request-Id"] != "context.requestId"


def test_failed_function_gets_the_default_answer_of_the_template() -> None:
    reply = build_gateway().handle("GET", "/api/fail", {}, b"")
    assert (reply.status, reply.headers["Cache-Control"], reply.body) == (504, "no-store", b"failed")


def test_unknown_value_in_the_template_is_an_error() -> None:
    responses = {"MISSING_AUTHENTICATION_TOKEN": GatewayResponse(404, {"A": "context.path"}, "a/b", "")}
    with pytest.raises(UnknownResponseValue, match=r"context\.path"):
        build_gateway(responses).handle("GET", "/api/other", {}, b"")
