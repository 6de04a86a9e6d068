"""The error answers in the API description: which routes have which status."""

from http import HTTPStatus
from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import ErrorCodeText
from chalicelib.api.openapi_schemas import RETRY_AFTER_HEADER, add_schema, describe_content
from chalicelib.api.parameters import OWNER_REF
from chalicelib.api.problems import CONTENT_TYPE
from chalicelib.api.request_models import EmptyModel
from chalicelib.api.route import AuthenticatedRoute, Route

ERROR_DESCRIPTIONS = {
    400: "The body is not JSON in UTF-8.",
    401: "The token is missing, malformed, unknown or expired.",
    403: "The token does not allow the request.",
    404: "The resource does not exist, or belongs to somebody else.",
    409: "The current state does not allow the request.",
    412: "The request has a condition such as If-Match, which gpudesk does not support.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "Fields are wrong; `errors` names each, with the accepted values.",
    502: "AWS rejected a call that the request needs.",
    503: "AWS is throttled or does not respond. Send the same request again after `Retry-After` seconds.",
}
"""Error responses by status. `_can_answer` says which routes have them."""

CONFLICTING_READS = ("/images/{image}", "/instances/{name}/connect")
"""Paths whose GET depends on a state: a name must be unique, an instance must run."""

UPSTREAM_PATHS = ("/instances/{name}/sessions", "/instances/{name}/sessions/credentials", "/desk", "/owners/{owner}")
"""Paths whose requests with a body can call AWS besides DynamoDB."""


class ProblemField(TypedDict):
    """A wrong field of the request: its path, and the accepted values."""

    field: str
    message: str


class BudgetProblem(TypedDict):
    """The budget that a launch or a start does not fit, in US dollars. `name`: of the owner or the project."""

    scope: str
    name: str
    month: str
    amount: str
    spent: str
    reserved: str
    needed: str


class ProblemQuota(TypedDict):
    """The quota of EC2 that a launch, a start or a move exceeds, in vCPUs."""

    code: str
    name: str
    region: str
    limit: int
    use: int
    free: int
    need: int


class ProblemChoice(TypedDict):
    """A request that helps instead. `body`: the fields to send.

    `kind`: request_increase, wait, other_size or cpu_type.
    """

    kind: str
    message: str
    method: str
    path: str
    body: dict[str, str | int | bool]


class Problem(TypedDict):
    """An error (RFC 9457). `code` is for programs; `detail` and the messages of `errors` are for people.

    `budget` is there if the code is budget_exceeded, `quota` and `choices` if it is quota_exceeded.
    """

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCodeText
    errors: list[ProblemField]
    budget: NotRequired[BudgetProblem]
    quota: NotRequired[ProblemQuota]
    choices: NotRequired[list[ProblemChoice]]


def describe_errors(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the error responses of a route, each with a reference to the same schema."""
    schema = add_schema(Problem, schemas)
    statuses = [status for status in ERROR_DESCRIPTIONS if _can_answer(route, status)]
    responses = {str(status): describe_content(ERROR_DESCRIPTIONS[status], CONTENT_TYPE, schema) for status in statuses}
    responses["503"]["headers"] = {"Retry-After": RETRY_AFTER_HEADER}
    return {**responses, "default": describe_content("Another error.", CONTENT_TYPE, schema)}


def _can_answer(route: Route, status: int) -> bool:
    """Return whether a route has something that this error is about."""
    is_authenticated = isinstance(route, AuthenticatedRoute)
    has_body = isinstance(route, AuthenticatedRoute) and route.body_model is not EmptyModel
    match status:
        case HTTPStatus.BAD_REQUEST | HTTPStatus.REQUEST_ENTITY_TOO_LARGE | HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return has_body
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return is_authenticated
        case HTTPStatus.NOT_FOUND:
            return route.endpoint.path_parameter not in (None, OWNER_REF)
        case HTTPStatus.CONFLICT:
            return route.endpoint.method != "GET" or route.endpoint.path in CONFLICTING_READS
        case HTTPStatus.BAD_GATEWAY:
            return has_body and route.endpoint.path in UPSTREAM_PATHS
    return True
