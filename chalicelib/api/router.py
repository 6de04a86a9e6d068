"""Routers: the routes of one resource, registered by decorators and passed to Chalice."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_type_hints

from chalice.app import Blueprint, Response

from chalicelib.api import problems
from chalicelib.api.request_context import B, Q, RequestContext
from chalicelib.api.route import AuthenticatedRoute, Endpoint, PublicRoute, Route
from chalicelib.control.application import Application
from chalicelib.domain.common.errors import RequestError

R = TypeVar("R")


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
        self, endpoint: Endpoint
    ) -> Callable[[Callable[[RequestContext[B, Q]], R]], Callable[[RequestContext[B, Q]], R]]:
        """Register a handler for callers with a token: `def handler(call: RequestContext[Body, Query]) -> View`."""

        def register(handler: Callable[[RequestContext[B, Q]], R]) -> Callable[[RequestContext[B, Q]], R]:
            types = get_type_hints(handler)
            body_model, query_model = get_args(types["call"])
            self.routes.append(
                AuthenticatedRoute(
                    endpoint=endpoint,
                    body_model=body_model,
                    query_model=query_model,
                    response_model=types["return"],
                    handler=handler,
                )
            )
            return handler

        return register

    def public_get(
        self, path: str, *, choose_status: Callable[[Any], int] = lambda _: 200
    ) -> Callable[[Callable[[Application], R]], Callable[[Application], R]]:
        """Register a GET handler that requires no token: `def handler(app: Application) -> View`.

        :param choose_status: returns the HTTP status of a view
        """

        def register(handler: Callable[[Application], R]) -> Callable[[Application], R]:
            endpoint = Endpoint("GET", path)
            response_model = get_type_hints(handler)["return"]
            self.routes.append(
                PublicRoute(
                    endpoint=endpoint, response_model=response_model, handler=handler, choose_status=choose_status
                )
            )
            return handler

        return register

    def build_blueprint(self, get_app: Callable[[], Application]) -> Blueprint:
        """Return the routes as Chalice expects them.

        :param get_app: called at each request, so that an import builds no application
        """
        blueprint = Blueprint(__name__)
        for route in self.routes:
            endpoint = route.endpoint
            view = _to_chalice_view(route, blueprint, get_app)
            methods = ["GET", "HEAD"] if endpoint.method == "GET" else [endpoint.method]
            # An empty list turns off Chalice's check of the media type; parse_body checks it if there is a body.
            blueprint.route(endpoint.path, methods=methods, name=route.handler.__name__, content_types=[])(view)
        return blueprint


def _to_chalice_view(route: Route, blueprint: Blueprint, get_app: Callable[[], Application]) -> Callable[..., Response]:
    @functools.wraps(route.handler)
    def view(**path: str) -> Response:
        app = get_app()
        try:
            with app.limit_request_time(route.endpoint.timeout_seconds):
                return route.handle(blueprint.current_request, app, path)
        except RequestError as error:
            return problems.to_response(error)
        except Exception as error:
            if app.is_overload(error):
                return problems.build_service_unavailable()
            unreadable_id = app.find_unreadable_id(error)
            if unreadable_id:
                return problems.build_record_unreadable(unreadable_id, error)
            raise

    return view
