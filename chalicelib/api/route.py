"""Routes: an HTTP method and path, and the handler that answers. Chalice's views and OpenAPI are built from them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalice.app import Request, Response
from typing_extensions import override

from chalicelib.api import auth, problems
from chalicelib.api.parameters import OWNER_REF, HeaderParameter, PathParameter
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery, RequestModel
from chalicelib.api.validation import parse_body, parse_query, validate
from chalicelib.control.application import Application

REQUEST_TIMEOUT_SECONDS = 2.5
"""Slack shows its user an error if it has no answer after 3 seconds."""

BUDGET_TIMEOUT_SECONDS = 7.0
"""The time of a request that a budget may refuse. Of several that are sent together, each reads the spending of the
month again after each other one. It is below the time limit of the function (`deploy/functions.py`)."""

POLL_AFTER_SECONDS = 5
"""The Retry-After header of every 202: when to poll the resource of `Location`."""

PRECONDITIONS = ("If-Match", "If-Unmodified-Since")


@dataclass(frozen=True)
class Endpoint:
    """The method and path of a route, and the properties of its answer.

    :param path_parameter: the variable segment of the path; None: the path is fixed
    :param status: the status of a success; 202 means that gpudesk recorded the request and carries it out afterwards
    :param location: the collection ("instances") of the resource that the `Location` header of a 202 names
    :param headers: the request headers that the handler reads
    :param needs_owner: the answer depends on the owner, so a bot must name one
    :param timeout_seconds: no call to DynamoDB is made that could end later than this after the request
    """

    method: str
    path: str
    path_parameter: PathParameter | None = None
    status: int = 200
    location: str = "instances"
    headers: tuple[HeaderParameter, ...] = ()
    needs_owner: bool = True
    timeout_seconds: float = REQUEST_TIMEOUT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Route(ABC):
    """An endpoint with its handler.

    :param response_model: the type of the view that the handler returns
    """

    endpoint: Endpoint
    response_model: Any
    handler: Callable[..., Any]

    @abstractmethod
    def handle(self, request: Request, app: Application, path: Mapping[str, str]) -> Response:
        """Answer a request.

        :param path: the variable segments of the path, by key
        :raises RequestError: the request is rejected
        """


@dataclass(frozen=True, kw_only=True)
class PublicRoute(Route):
    """A route that requires no token and accepts neither query nor body.

    :param choose_status: returns the HTTP status of a view
    """

    choose_status: Callable[[Any], int]

    @override
    def handle(self, request: Request, app: Application, path: Mapping[str, str]) -> Response:
        """Answer a request without authentication."""
        _refuse_preconditions(request)
        validate(EmptyModel, parse_query(request.query_params), noun="query parameter")
        view = self.handler(app)
        status = self.choose_status(view)
        content_type = "application/json" if status < HTTPStatus.BAD_REQUEST else problems.HEALTH_CONTENT_TYPE
        return _build_response(view, status, {"Content-Type": content_type})


@dataclass(frozen=True, kw_only=True)
class AuthenticatedRoute(Route):
    """A route for callers with a token."""

    body_model: type[RequestModel]
    query_model: type[OwnerQuery]

    @override
    def handle(self, request: Request, app: Application, path: Mapping[str, str]) -> Response:
        """Authenticate and validate the request, then answer it."""
        view = self.handler(self._read(request, app, path))
        headers = {"Content-Type": "application/json"}
        if self.endpoint.status == HTTPStatus.ACCEPTED:
            headers["Location"] = f"{_find_stage_prefix(request)}/{self.endpoint.location}/{view['id']}"
            headers["Retry-After"] = str(POLL_AFTER_SECONDS)
        return _build_response(view, self.endpoint.status, headers)

    def _read(self, request: Request, app: Application, path: Mapping[str, str]) -> RequestContext[Any, Any]:
        _refuse_preconditions(request)
        caller = auth.authenticate(request.headers.get("authorization"), app.tokens.find_holder, app.clock.now())
        query = validate(self.query_model, parse_query(request.query_params), noun="query parameter")
        raw = request.raw_body
        values = parse_body(raw.encode("utf-8") if isinstance(raw, str) else raw, request.headers)
        body = validate(self.body_model, values)
        parameter = self.endpoint.path_parameter
        path_ref = parameter.read(path[parameter.key]) if parameter else ""
        path_owner = path_ref if parameter is OWNER_REF else None
        return RequestContext(
            app=app,
            caller=caller,
            actor=auth.resolve_actor(caller, query.owner, path_owner or getattr(body, "owner", None)),
            path_ref=path_ref,
            body=body,
            query=query,
            headers=request.headers,
        )


def _refuse_preconditions(request: Request) -> None:
    """Refuse a condition that protects against lost updates, because gpudesk cannot keep that promise.

    `If-None-Match` and `If-Modified-Since` of a GET only save a transfer, and may be ignored (RFC 9110, section 13.1).

    :raises PreconditionFailed: the request has such a condition
    """
    is_read = request.method in ("GET", "HEAD")
    refused = PRECONDITIONS if is_read else (*PRECONDITIONS, "If-None-Match")
    found = [name for name in refused if name.lower() in request.headers]
    if found:
        message = f"{found[0]} is not supported, because answers have no entity tags. Send the request without it."
        raise problems.PreconditionFailed(message)


def _build_response(view: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body=view, status_code=status, headers={"Cache-Control": "no-store", **headers})


def _find_stage_prefix(request: Request) -> str:
    """Return the path prefix of the API Gateway stage ("/api"), which a client needs to follow `Location`."""
    path = str(request.context.get("path", "")).rstrip("/")
    return "/".join(path.split("/")[: -request.path.count("/")]) if request.path != "/" else path
