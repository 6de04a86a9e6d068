"""A table of what can be asked: method, path, what it takes and gives. Views are made of it, and openapi.json, too."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

from chalice.app import Blueprint, MultiDict, Request, Response

from chalicelib.api import auth, problems
from chalicelib.api.common_schemas import OWNER, OWNER_DESCRIPTION, EmptyModel, RequestModel
from chalicelib.api.forms.queries import OwnerQuery
from chalicelib.api.json_body import parse_object
from chalicelib.api.validation import validate
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.owners import OwnerService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService
from chalicelib.domain.access.actor import Actor, instance_not_found
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, RequestError, ValidationFailed
from chalicelib.store.dynamo import is_throttled
from chalicelib.store.tokens import TokenHolder, TokenRepository

B = TypeVar("B", bound=RequestModel)
Q = TypeVar("Q", bound=OwnerQuery)
G = TypeVar("G")

REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")
"""What names and ids are made of; anything else leads nowhere."""


class AppContext(Protocol):
    """What the API needs of the desk; `bootstrap` has it."""

    @property
    def clock(self) -> Clock: ...
    @property
    def tokens(self) -> TokenRepository: ...
    @property
    def launches(self) -> LaunchService: ...
    @property
    def instances(self) -> InstanceService: ...
    @property
    def queries(self) -> QueryService: ...
    @property
    def sessions(self) -> SessionService: ...
    @property
    def setup(self) -> SetupService: ...
    @property
    def images(self) -> ImageService: ...
    @property
    def desk(self) -> DeskService: ...
    @property
    def owners(self) -> OwnerService: ...
    @property
    def benchmarks(self) -> BenchmarkService: ...


@dataclass(frozen=True, kw_only=True)
class RequestContext(Generic[B, Q]):
    """A request by somebody we know, read and checked.

    :param path_ref: the instance, or the owner, that the path names; empty where it names none
    :param headers: names in any case
    """

    app: AppContext
    caller: TokenHolder
    actor: Actor
    path_ref: str
    body: B
    query: Q
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One line of the table.

    :param body_model: the form of the body
    :param query_model: the form of the query; None: the route is open to everybody and takes none
    :param response_model: the type of what is answered
    :param status: 202 says that it is written down and will be done, and where to look (`Location`)
    :param status_for: the status that goes with what is answered, where it is not always the same
    :param location_collection: of what collection it is that `Location` leads to
    """

    method: str
    path: str
    body_model: type[RequestModel]
    query_model: type[OwnerQuery] | None
    response_model: Any
    handler: Callable[..., Any]
    status: int = 200
    status_for: Callable[[Any], int] | None = None
    location_collection: str = "instances"

    def handle(self, request: Request, desk: AppContext, path: Mapping[str, str]) -> Response:
        """:raises Refused: it cannot be granted"""
        shown = self._public(request, desk) if self.query_model is None else self._known(request, desk, path)
        headers: dict[str, str | list[str]] = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        if self.status == 202:
            headers["Location"] = f"{_stage(request)}/{self.location_collection}/{shown['id']}"
        status = self.status_for(shown) if self.status_for else self.status
        if status >= 400:
            headers["Content-Type"] = problems.HEALTH_TYPE
        return Response(body=shown, status_code=status, headers=headers)

    def _public(self, request: Request, desk: AppContext) -> Any:
        validate(EmptyModel, parse_query(request.query_params), what="the query")
        return self.handler(desk)

    def _known(self, request: Request, desk: AppContext, path: Mapping[str, str]) -> Any:
        assert self.query_model is not None
        caller = auth.authenticate(request.headers.get("authorization"), desk.tokens, desk.clock.now())
        query = validate(self.query_model, parse_query(request.query_params), what="the query")
        given = parse_object(_bytes(request.raw_body), request.headers)
        body = validate(self.body_model, given, what="the body")
        call = RequestContext(
            app=desk,
            caller=caller,
            actor=auth.resolve_actor(caller, query.owner, getattr(body, "owner", None)),
            path_ref=_named_in(path),
            body=body,
            query=query,
            headers=request.headers,
        )
        return self.handler(call)


@dataclass
class Router:
    """The routes of one module."""

    table: list[Route] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        *,
        takes: type[B],
        asks: type[Q],
        gives: type[G],
        status: int = 200,
        located: str = "instances",
    ) -> Callable[[Callable[[RequestContext[B, Q]], G]], Callable[[RequestContext[B, Q]], G]]:
        """Register a handler for callers with a token."""

        def register(handler: Callable[[RequestContext[B, Q]], G]) -> Callable[[RequestContext[B, Q]], G]:
            route = Route(
                method=method, path=path, body_model=takes, query_model=asks, response_model=gives, handler=handler
            )
            self.table.append(replace(route, status=status, location_collection=located))
            return handler

        return register

    def public_get(
        self, path: str, *, gives: type[G], status_of: Callable[[G], int] = lambda _: 200
    ) -> Callable[[Callable[[AppContext], G]], Callable[[AppContext], G]]:
        """Register a handler of GET for everybody.

        :param status_of: the HTTP status that goes with what is answered
        """

        def register(handler: Callable[[AppContext], G]) -> Callable[[AppContext], G]:
            route = Route(
                method="GET", path=path, body_model=EmptyModel, query_model=None, response_model=gives, handler=handler
            )
            self.table.append(replace(route, status_for=status_of))
            return handler

        return register

    def blueprint(self, desk: Callable[[], AppContext]) -> Blueprint:
        """The routes as Chalice takes them.

        :param desk: asked at each request, so that importing wires nothing
        """
        blueprint = Blueprint(__name__)
        for route in self.table:
            view = _view(route, blueprint, desk)
            # an empty list: the check of the media type is ours, since it depends on whether there is a body
            blueprint.route(route.path, methods=[route.method], name=route.handler.__name__, content_types=[])(view)
        return blueprint


def _view(route: Route, blueprint: Blueprint, desk: Callable[[], AppContext]) -> Callable[..., Response]:
    @functools.wraps(route.handler)
    def view(**path: str) -> Response:
        try:
            return route.handle(blueprint.current_request, desk(), path)
        except RequestError as refusal:
            return problems.to_response(refusal)
        except Exception as error:
            if is_throttled(error):
                return problems.service_unavailable()
            raise

    return view


def parse_query(parameters: MultiDict | None) -> dict[str, Any]:
    """The query as texts by name.

    :raises Invalid: a name appears twice
    """
    given = {str(name): parameters.getlist(name) for name in parameters} if parameters is not None else {}
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        errors = tuple(FieldError(name[:60], "is given more than once") for name in twice)
        raise ValidationFailed("the query says something more than once", errors=errors)
    return {name: values[0] for name, values in given.items()}


def _named_in(path: Mapping[str, str]) -> str:
    if "owner" in path:
        return _owner(path["owner"])
    return next((_reference(path[each]) for each in ("name", "image") if each in path), "")


def _owner(segment: str) -> str:
    owner = unquote(segment)
    if not re.fullmatch(OWNER, owner):
        raise ValidationFailed(
            f"the path must name {OWNER_DESCRIPTION}", errors=(FieldError("owner", f"must be {OWNER_DESCRIPTION}"),)
        )
    return owner


def _reference(segment: str) -> str:
    """REST APIs hand path segments over as they were sent."""
    ref = unquote(segment)
    if not REFERENCE.fullmatch(ref):
        raise instance_not_found(ref)
    return ref


def _stage(request: Request) -> str:
    """What API Gateway puts before our paths ("/api"), as the client has to send it."""
    path = str(request.context.get("path", "")).rstrip("/")
    return "/".join(path.split("/")[: -request.path.count("/")]) if request.path != "/" else path


def _bytes(raw: str | bytes) -> bytes:
    return raw.encode("utf-8") if isinstance(raw, str) else raw
