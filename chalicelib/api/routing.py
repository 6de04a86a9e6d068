"""Routes: an HTTP method and path, the models of request and response, and the handler that answers.

Chalice's views and the OpenAPI document are both built from them.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from chalice.app import Blueprint, Request, Response
from typing_extensions import override

from chalicelib.api import auth, problems
from chalicelib.api.common_schemas import EmptyModel, OwnerQuery, RequestModel
from chalicelib.api.parameters import HeaderParameter, PathParameter
from chalicelib.api.request_context import AppContext, B, Q, RequestContext
from chalicelib.api.validation import parse_body, parse_query, validate
from chalicelib.domain.common.errors import RequestError
from chalicelib.store.dynamo import is_throttled

R = TypeVar("R")


@dataclass(frozen=True)
class Endpoint:
    """Where a route is and how it answers.

    :param path_parameter: the variable segment of the path; None: the path is fixed
    :param status: of a success; 202 means that gpudesk recorded the request and carries it out afterwards
    :param location: the collection of the resource that the `Location` header of a 202 names
    :param headers: the request headers that the handler reads
    """

    method: str
    path: str
    path_parameter: PathParameter | None = None
    status: int = 200
    location: str = "instances"
    headers: tuple[HeaderParameter, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route(ABC):
    """An endpoint with its handler.

    :param response_model: the type of the handler's result
    """

    endpoint: Endpoint
    response_model: Any
    handler: Callable[..., Any]

    @abstractmethod
    def handle(self, request: Request, app: AppContext, path: Mapping[str, str]) -> Response:
        """Answer a request.

        :param path: the variable segments of the path, by key
        :raises RequestError: the request is rejected
        """


@dataclass(frozen=True, kw_only=True)
class PublicRoute(Route):
    """A route that requires no token and accepts neither query nor body.

    :param status_for: chooses the status of a result
    """

    status_for: Callable[[Any], int]

    @override
    def handle(self, request: Request, app: AppContext, path: Mapping[str, str]) -> Response:
        """Answer a request of anyone."""
        validate(EmptyModel, parse_query(request.query_params), noun="query parameter")
        view = self.handler(app)
        status = self.status_for(view)
        content_type = "application/json" if status < HTTPStatus.BAD_REQUEST else problems.HEALTH_CONTENT_TYPE
        return _build_response(view, status, {"Content-Type": content_type})


@dataclass(frozen=True, kw_only=True)
class AuthenticatedRoute(Route):
    """A route for callers with a token."""

    body_model: type[RequestModel]
    query_model: type[OwnerQuery]

    @override
    def handle(self, request: Request, app: AppContext, path: Mapping[str, str]) -> Response:
        """Authenticate and validate the request, then answer it."""
        view = self.handler(self._read(request, app, path))
        headers = {"Content-Type": "application/json"}
        if self.endpoint.status == HTTPStatus.ACCEPTED:
            headers["Location"] = f"{_find_stage_prefix(request)}/{self.endpoint.location}/{view['id']}"
        return _build_response(view, self.endpoint.status, headers)

    def _read(self, request: Request, app: AppContext, path: Mapping[str, str]) -> RequestContext[Any, Any]:
        caller = auth.authenticate(request.headers.get("authorization"), app.tokens, app.clock.now())
        query = validate(self.query_model, parse_query(request.query_params), noun="query parameter")
        raw = request.raw_body
        values = parse_body(raw.encode("utf-8") if isinstance(raw, str) else raw, request.headers)
        body = validate(self.body_model, values)
        parameter = self.endpoint.path_parameter
        return RequestContext(
            app=app,
            caller=caller,
            actor=auth.resolve_actor(caller, query.owner, getattr(body, "owner", None)),
            path_ref=parameter.read(path[parameter.key]) if parameter else "",
            body=body,
            query=query,
            headers=request.headers,
        )


@dataclass
class Router:
    """The routes of one resource.

    :param tag: the name of the resource in the OpenAPI document
    :param description: what a client can do with it
    """

    tag: str
    description: str
    routes: list[Route] = field(default_factory=list)

    def route(
        self, endpoint: Endpoint, *, body: type[B], query: type[Q], response: type[R]
    ) -> Callable[[Callable[[RequestContext[B, Q]], R]], Callable[[RequestContext[B, Q]], R]]:
        """Register a handler for callers with a token."""

        def register(handler: Callable[[RequestContext[B, Q]], R]) -> Callable[[RequestContext[B, Q]], R]:
            self.routes.append(
                AuthenticatedRoute(
                    endpoint=endpoint, body_model=body, query_model=query, response_model=response, handler=handler
                )
            )
            return handler

        return register

    def public_get(
        self, path: str, *, response: type[R], status_for: Callable[[R], int] = lambda _: 200
    ) -> Callable[[Callable[[AppContext], R]], Callable[[AppContext], R]]:
        """Register a GET handler for everyone.

        :param status_for: chooses the status of a result
        """

        def register(handler: Callable[[AppContext], R]) -> Callable[[AppContext], R]:
            endpoint = Endpoint("GET", path)
            self.routes.append(
                PublicRoute(endpoint=endpoint, response_model=response, handler=handler, status_for=status_for)
            )
            return handler

        return register

    def build_blueprint(self, get_app: Callable[[], AppContext]) -> Blueprint:
        """Return the routes as Chalice expects them.

        :param get_app: called at each request, so that an import builds no application
        """
        blueprint = Blueprint(__name__)
        for route in self.routes:
            endpoint = route.endpoint
            view = _to_chalice_view(route, blueprint, get_app)
            # An empty list turns off Chalice's check of the media type; parse_body checks it if there is a body.
            blueprint.route(endpoint.path, methods=[endpoint.method], name=route.handler.__name__, content_types=[])(
                view
            )
        return blueprint


def _to_chalice_view(route: Route, blueprint: Blueprint, get_app: Callable[[], AppContext]) -> Callable[..., Response]:
    @functools.wraps(route.handler)
    def view(**path: str) -> Response:
        try:
            return route.handle(blueprint.current_request, get_app(), path)
        except RequestError as error:
            return problems.to_response(error)
        except Exception as error:
            if is_throttled(error):
                return problems.build_service_unavailable()
            raise

    return view


def _build_response(view: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body=view, status_code=status, headers={"Cache-Control": "no-store", **headers})


def _find_stage_prefix(request: Request) -> str:
    """Return what API Gateway puts before the paths of the API ("/api"), so that clients can follow `Location`."""
    path = str(request.context.get("path", "")).rstrip("/")
    return "/".join(path.split("/")[: -request.path.count("/")]) if request.path != "/" else path
