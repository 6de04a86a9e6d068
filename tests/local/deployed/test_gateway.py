"""API Gateway of a deployed stack: events, routes, and the answers that the template defines."""

import http.client
import json
import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest

from local.deployed.errors import FunctionFailed
from local.deployed.function import Function
from local.deployed.gateway import MAX_BODY_BYTES, DeployedGateway
from local.deployed.gateway_responses import GatewayResponse, UnknownResponseValue
from local.deployed.routes import RestApi
from local.server.api_server import GatewayServer

RESPONSES = {
    "MISSING_AUTHENTICATION_TOKEN": GatewayResponse(404, {"X-Request-Id": "context.requestId"}, "a/b", "none"),
    "REQUEST_TOO_LARGE": GatewayResponse(413, {"X-Request-Id": "context.requestId"}, "a/b", "large"),
    "INTEGRATION_TIMEOUT": GatewayResponse(504, {}, "a/b", "slow"),
    "DEFAULT_5XX": GatewayResponse(None, {"Cache-Control": "'no-store'"}, "a/b", "failed"),
}


class EchoFunction:
    """Function that returns its event.

    :ivar answers: cleared: a request to `/wait` waits until it is set
    """

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.bodies: list[str | None] = []

    def invoke(self, event: Mapping[str, Any]) -> Any:
        self.bodies.append(event["body"])
        if event["path"] == "/wait":
            self.answers.wait(10)
        if event["path"] == "/fail":
            raise FunctionFailed("echo", "KeyError", "a")
        return {
            "statusCode": 200,
            "headers": {"A": 1},
            "multiValueHeaders": {"B": ["1", "2"]},
            "body": json.dumps(event),
        }


def build_gateway(
    responses: Mapping[str, GatewayResponse] = RESPONSES,
    function: EchoFunction | None = None,
    timeout_seconds: float = 10,
) -> DeployedGateway:
    routes = {
        "/things/{name}": {"GET": "echo"},
        "/fail": {"GET": "echo"},
        "/wait": {"GET": "echo"},
        "/files": {"POST": "echo"},
    }
    api = RestApi(id="x", stage="api", routes=routes, binary_types=("image/png",), responses=responses)
    return DeployedGateway(api, {"echo": cast("Function", function or EchoFunction())}, timeout_seconds)


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


def test_request_that_takes_too_long_gets_the_answer_of_the_template() -> None:
    function = EchoFunction()
    gateway = build_gateway(function=function, timeout_seconds=0.01)
    reply = gateway.handle("GET", "/api/wait", {}, b"")
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (504, "a/b", b"slow")
    assert function.bodies == [None]
    function.answers.set()


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
def test_body_above_the_limit_does_not_reach_the_function(length: int, status: int) -> None:
    function = EchoFunction()
    reply = build_gateway(function=function).handle("POST", "/api/files", {}, b" " * length)
    assert reply.status == status
    assert [len(body or "") for body in function.bodies] == ([length] if status == 200 else [])


def test_server_refuses_a_body_above_the_limit_before_it_is_sent() -> None:
    with GatewayServer(build_gateway()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", "/api/files")
        connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (413, b"large")
        assert answer.headers["X-Request-Id"] != "context.requestId"
        connection.close()


@pytest.mark.parametrize(
    ("method", "target", "body", "message"),
    [
        ("GET", "/api/other", b"", "Missing Authentication Token"),
        ("POST", "/api/files", b" " * (MAX_BODY_BYTES + 1), "HTTP content length exceeded 10485760 bytes."),
        ("GET", "/api/fail", b"", "Internal server error"),
        ("GET", "/api/wait", b"", "Endpoint request timed out"),
    ],
    ids=["route", "body", "failure", "timeout"],
)
def test_api_without_answers_of_its_own_gives_those_of_aws(method: str, target: str, body: bytes, message: str) -> None:
    function = EchoFunction()
    timeout_seconds = 0.01 if target == "/api/wait" else 10
    reply = build_gateway({}, function, timeout_seconds).handle(method, target, {}, body)
    function.answers.set()
    assert json.loads(reply.body) == {"message": message}
