"""The REST API in the home stack: limits, routes, functions and API Gateway's own errors."""

import json

import pytest

import app
from deploy.cloudformation import Template
from tests.deploy.templates import build_home, list_properties


@pytest.fixture
def home() -> Template:
    return build_home()


def test_api_is_regional_throttled_and_logs_no_bodies(home: Template) -> None:
    (api,) = list_properties(home, "ApiGateway::RestApi").values()
    (stage,) = list_properties(home, "ApiGateway::Stage").values()
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    settings = {(each["ResourcePath"], each["HttpMethod"]): each for each in stage["MethodSettings"]}
    assert not any(each["DataTraceEnabled"] for each in settings.values())
    assert settings["/*", "*"]["ThrottlingRateLimit"] > settings["/~1instances", "POST"]["ThrottlingRateLimit"] > 0
    assert ("/~1instances~1{name}~1sessions", "POST") in settings
    assert set(api["Body"]["paths"]) == set(app.app.routes)
    assert api["Name"] == api["Body"]["info"]["title"] == "gpudesk-prod", "the alarm finds the metric by the name"


def test_api_has_one_stage_so_that_no_method_is_without_limits(home: Template) -> None:
    resources = home["Resources"].values()
    stages = [each["Properties"]["StageName"] for each in resources if "StageName" in each.get("Properties", {})]
    assert stages == ["api"]


def test_session_routes_have_a_function_of_their_own(home: Template) -> None:
    (api,) = list_properties(home, "ApiGateway::RestApi").values()
    by_function: dict[str, set[str]] = {}
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            handler = uri.partition("functions/${")[2].partition(".Arn")[0]
            by_function.setdefault(handler, set()).add(f"{method} {path}")
    assert by_function["SessionsHandler"] == {
        "post /instances/{name}/sessions",
        "post /instances/{name}/sessions/credentials",
    }
    assert len(by_function) == 2
    permissions = list_properties(home, "Lambda::Permission").values()
    callers = [each["FunctionName"] for each in permissions if each["Principal"] == "apigateway.amazonaws.com"]
    assert callers == [{"Ref": "APIHandler"}, {"Ref": "SessionsHandler"}]


def test_errors_of_api_gateway_are_problem_details(home: Template) -> None:
    (api,) = list_properties(home, "ApiGateway::RestApi").values()
    responses = api["Body"]["x-amazon-apigateway-gateway-responses"]
    bodies = {
        kind: json.loads(each["responseTemplates"]["application/problem+json"]) for kind, each in responses.items()
    }
    unknown = "MISSING_AUTHENTICATION_TOKEN"
    assert (responses[unknown]["statusCode"], bodies[unknown]["code"]) == ("404", "route_not_found")
    # API Gateway gives this answer also if Lambda throttles, and then no log has a cause.
    (body,) = responses["INTEGRATION_FAILURE"]["responseTemplates"].values()
    assert "overloaded. Try again" in json.loads(body)["detail"]
    assert responses["THROTTLED"]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'5'"
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "INTEGRATION_TIMEOUT", "REQUEST_TOO_LARGE"} < set(responses)
    assert all({"type", "title", "detail", "code"} < set(body) for body in bodies.values())
