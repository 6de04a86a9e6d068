"""GET /openapi.json: the description of the API, built from its routes and models."""

import functools
import inspect
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from chalicelib.api.benchmarks.routes import router as benchmarks_router
from chalicelib.api.costs.routes import router as costs_router
from chalicelib.api.desk.routes import router as desk_router
from chalicelib.api.foreign.routes import router as foreign_router
from chalicelib.api.health.routes import router as health_router
from chalicelib.api.images.routes import router as images_router
from chalicelib.api.instances.history_routes import router as history_router
from chalicelib.api.instances.move_routes import router as moves_router
from chalicelib.api.instances.routes import router as instances_router
from chalicelib.api.me.routes import router as me_router
from chalicelib.api.offers.routes import router as offers_router
from chalicelib.api.openapi_errors import describe_errors
from chalicelib.api.openapi_schemas import JSON, RETRY_AFTER_HEADER, SCHEMA_REF, add_schema, describe_content
from chalicelib.api.openapi_webhooks import describe_webhooks
from chalicelib.api.owners.routes import router as owners_router
from chalicelib.api.recipes.routes import router as recipes_router
from chalicelib.api.request_models import EmptyModel
from chalicelib.api.route import AuthenticatedRoute, Route
from chalicelib.api.router import Router
from chalicelib.api.sessions.routes import router as sessions_router
from chalicelib.control.application import Application

router = Router("openapi", "This description of the API.")

ROUTERS = (
    instances_router,
    moves_router,
    history_router,
    sessions_router,
    images_router,
    benchmarks_router,
    recipes_router,
    offers_router,
    costs_router,
    foreign_router,
    owners_router,
    desk_router,
    me_router,
    health_router,
    router,
)
"""The routers of the whole API, in the order of the document."""

DESCRIPTION = """gpudesk launches GPU instances on AWS, sets them up, observes their activity, and stops idle ones.

Authentication: every request except GET /healthz and GET /openapi.json requires a token from an admin, sent as
`Authorization: Bearer gpd_...`. Users act for themselves; a request for an instance or image of somebody else is
answered with 404, as if it did not exist. Admins act for all owners, or for the one that `owner` names. Bots must name
the `owner` for whom they act, unless the answer is the same for all owners; the description of `owner` says where.

Writes: status 202 means that gpudesk recorded the request and calls AWS afterwards. `Location` names the resource to
poll; `phase` and `reason` of the resource show the progress. `warnings` lists remarks on a write that succeeded.

Values: times are UTC (ISO 8601), money is US dollars as decimal strings, null means unknown or not set. In requests,
the description of a field completes the sentence "must be ...", and unknown fields are errors.

Lists: pass `next_cursor` as `cursor` to get the next page; it is null on the last page.

Codes: the schemas whose names end in Text list the values of codes, phases and states. `EventCodeText` has those of
reasons, timeline entries and notifications, `ErrorCodeText` those of errors. A later version may add values.

Errors: problem details (RFC 9457). `code` is for programs and does not change; `detail` and `errors[].message` are for
people. A 503 has a `Retry-After` header; the same request can be sent again. `X-Request-Id` of every answer is the id
under which the log of gpudesk has the request. gpudesk chooses it: an `X-Request-Id` of the request is ignored.

HTTP: HEAD works on every path that has GET. Answers of 1 KiB or more are compressed with gzip on request. `If-Match`
and `If-Unmodified-Since` are refused with 412, because answers have no entity tags."""

SUCCESS_DESCRIPTIONS = {
    200: "The request succeeded.",
    201: "The resource was created.",
    202: "The request was recorded. gpudesk carries it out afterwards; `Location` names the resource to poll.",
}


@router.public_get("/openapi.json")
def get_openapi(_app: Application) -> dict[str, Any]:
    """Return this description of the API. No token is needed."""
    return build_openapi()


@functools.cache
def build_openapi() -> dict[str, Any]:
    """Return the description of the API in OpenAPI 3.1."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for resource in ROUTERS:
        for route in resource.routes:
            operation = _describe_operation(route, resource.tag, schemas)
            methods = paths.setdefault(route.endpoint.path, {})
            methods[route.endpoint.method.lower()] = operation
            if route.endpoint.method == "GET":
                methods["head"] = _describe_head(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gpudesk", "version": "0.1.0", "description": DESCRIPTION},
        "tags": [{"name": resource.tag, "description": resource.description} for resource in ROUTERS],
        "paths": paths,
        "webhooks": describe_webhooks(schemas),
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _describe_operation(route: Route, tag: str, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, details = inspect.cleandoc(route.handler.__doc__ or "").partition("\n\n")
    status = route.endpoint.status
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [tag],
        "summary": summary,
        "parameters": _describe_parameters(route, schemas),
        "responses": {
            str(status): _describe_success(route, schemas),
            **describe_errors(route, schemas),
        },
    }
    if details:
        operation["description"] = details
    if not isinstance(route, AuthenticatedRoute):
        operation["security"] = []
    elif route.body_model is not EmptyModel:
        content = {JSON: {"schema": add_schema(route.body_model, schemas)}}
        operation["requestBody"] = {"content": content, "required": _has_required_field(route.body_model)}
    return operation


def _describe_head(get: dict[str, Any]) -> dict[str, Any]:
    """Return the HEAD operation of a path: the GET operation without the content of its answers."""
    responses = {
        status: {name: value for name, value in response.items() if name != "content"}
        for status, response in get["responses"].items()
    }
    return {
        **{name: value for name, value in get.items() if name != "description"},
        "operationId": f"{get['operationId']}_head",
        "summary": "Return the status and the headers of GET.",
        "responses": responses,
    }


def _describe_success(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    status = route.endpoint.status
    content = describe_content(SUCCESS_DESCRIPTIONS[status], JSON, add_schema(route.response_model, schemas))
    if status == HTTPStatus.ACCEPTED:
        location = {"description": "The resource to poll.", "schema": {"type": "string"}}
        content["headers"] = {"Location": location, "Retry-After": RETRY_AFTER_HEADER}
    return content


def _describe_parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if segment := route.endpoint.path_parameter:
        parameters.append(_describe_parameter(segment.key, "path", segment.schema, segment.description))
    if isinstance(route, AuthenticatedRoute):
        schema = TypeAdapter(route.query_model).json_schema(ref_template=SCHEMA_REF)
        schemas.update(schema.get("$defs", {}))
        path_names = [parameter["name"] for parameter in parameters]
        for name, inner in schema["properties"].items():
            if name in path_names:
                continue
            description = inner.get("description", "")
            if name == "owner" and not route.endpoint.needs_owner:
                description += "; a bot need not name one here, because the answer is the same for all owners"
            parameters.append(_describe_parameter(name, "query", inner, description))
    parameters += [
        _describe_parameter(header.name, "header", {"type": "string"}, header.description)
        for header in route.endpoint.headers
    ]
    return parameters


def _describe_parameter(name: str, place: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": description,
    }


def _has_required_field(model: type[BaseModel]) -> bool:
    return any(info.is_required() for info in model.model_fields.values())
