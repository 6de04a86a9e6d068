"""The REST API of API Gateway: throttling, its own error answers, and the routes of the sessions function."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from chalicelib.api.problems import CONTENT_TYPE, REQUEST_ID_HEADER, RETRY_AFTER_SECONDS, build_problem_body
from chalicelib.api.route import REQUEST_TIMEOUT_SECONDS, Endpoint
from chalicelib.api.sessions.routes import router as sessions_router
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.errors import ErrorCode
from deploy.cloudformation import Template, ref
from deploy.functions import get_function_id
from deploy.names import ResourceNames

STAGE_RATE, STAGE_BURST = 50, 100
"""Limits of each method: requests per second, and requests at once. A team's programs poll every 5 seconds."""

WRITE_RATE, WRITE_BURST = 5, 20
"""Lower limits of each method that writes."""

WRITE_METHODS = ("post", "patch", "delete")

FAILED_OR_OVERLOADED = "gpudesk failed or is overloaded. Try again."

GATEWAY_ERRORS = (
    # Type of the answer, its status (None: several), code for programs, text for people.
    ("MISSING_AUTHENTICATION_TOKEN", 404, ErrorCode.ROUTE_NOT_FOUND, "This path or method does not exist. GET "
     "/openapi.json lists all paths."),
    ("REQUEST_TOO_LARGE", 413, ErrorCode.BODY_TOO_LARGE, "The body is larger than any valid request."),
    ("THROTTLED", 429, ErrorCode.OVERLOADED, f"Too many requests. Try again in {RETRY_AFTER_SECONDS} seconds."),
    # Also if Lambda throttles: a new account has 10 concurrent executions.
    ("INTEGRATION_FAILURE", 502, ErrorCode.INTERNAL_SERVER_ERROR, FAILED_OR_OVERLOADED),
    ("INTEGRATION_TIMEOUT", 504, ErrorCode.OVERLOADED, "gpudesk did not answer in time. Try again."),
    ("DEFAULT_4XX", None, ErrorCode.REQUEST_REJECTED, "The request was rejected."),
    ("DEFAULT_5XX", None, ErrorCode.INTERNAL_SERVER_ERROR, "gpudesk failed. Try again."),
)  # fmt: skip
"""The errors that API Gateway answers itself: the function was not called, or gave no answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""


def list_session_endpoints() -> Iterator[Endpoint]:
    """Yield the endpoints that call AWS while the caller waits. They have longer time limits than all others."""
    for route in sessions_router.routes:
        if route.endpoint.timeout_seconds > REQUEST_TIMEOUT_SECONDS:
            yield route.endpoint


def complete_api(template: Template, names: ResourceNames) -> None:
    """Complete the REST API of chalice's template."""
    api = template["Resources"]["RestAPI"]["Properties"]
    paths: dict[str, dict[str, Any]] = api["DefinitionBody"]["paths"]
    for endpoint in list_session_endpoints():
        method = paths[endpoint.path][endpoint.method.lower()]
        method["x-amazon-apigateway-integration"]["uri"] = _build_integration_uri("sessions")
    # CloudFormation may take the name of the API from the title. The alarm finds its metric by the name.
    api["DefinitionBody"]["info"]["title"] = names.prefix
    api |= {
        "Name": names.prefix,
        "EndpointConfiguration": {"Type": "REGIONAL"},
        # Without it, SAM creates a second stage named Stage, whose methods have no limits.
        # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html
        "OpenApiVersion": "2.0",
        "MethodSettings": _build_method_settings(paths),
        "GatewayResponses": {kind: _build_gateway_response(*rest) for kind, *rest in GATEWAY_ERRORS},
        "Tags": {STAGE_TAG: names.settings.stage},
    }
    template["Resources"]["SessionsHandlerInvokePermission"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            **template["Resources"]["APIHandlerInvokePermission"]["Properties"],
            "FunctionName": ref(get_function_id("sessions")),
        },
    }


def _build_integration_uri(function: str) -> dict[str, str]:
    path = f"functions/${{{get_function_id(function)}.Arn}}/invocations"
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/{path}"}


def _build_method_settings(paths: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the limits: of the stage, and of each method that writes.

    Bodies are never logged (DataTraceEnabled): they contain the credentials of sessions.
    """
    common = {"DataTraceEnabled": False, "LoggingLevel": "OFF", "MetricsEnabled": False}
    limits = [("/*", "*", STAGE_RATE, STAGE_BURST)]
    for path, methods in sorted(paths.items()):
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html
        escaped = "/" + path.replace("/", "~1")
        limits += [(escaped, method.upper(), WRITE_RATE, WRITE_BURST) for method in WRITE_METHODS if method in methods]
    return [
        {
            "ResourcePath": path,
            "HttpMethod": method,
            "ThrottlingRateLimit": rate,
            "ThrottlingBurstLimit": burst,
            **common,
        }
        for path, method, rate, burst in limits
    ]


def _build_gateway_response(status: int | None, code: ErrorCode, detail: str) -> dict[str, Any]:
    """Return an answer as problem details.

    :param status: None: the answer is for several statuses, so its body names none
    """
    body = build_problem_body(status or HTTPStatus.BAD_REQUEST, detail, code=code)
    if status is None:
        body |= {"title": "Error"}
        del body["status"]
    headers = {"Cache-Control": "'no-store'", REQUEST_ID_HEADER: "context.requestId"}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = f"'{RETRY_AFTER_SECONDS}'"
    response: dict[str, Any] = {
        "ResponseTemplates": {CONTENT_TYPE: json.dumps(body)},
        "ResponseParameters": {"Headers": headers},
    }
    if status is not None:
        response["StatusCode"] = status
    return response
