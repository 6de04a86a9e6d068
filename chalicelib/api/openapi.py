"""GET /openapi.json: made of the same table and the same forms that answer, so that it cannot lie."""

import functools
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict

from chalicelib.api.benchmarks.routes import router as benchmarks_router
from chalicelib.api.common_schemas import OWNER, EmptyModel
from chalicelib.api.desk.routes import router as desk_router
from chalicelib.api.images.routes import router as images_router
from chalicelib.api.instances.routes import launch_instance
from chalicelib.api.instances.routes import router as instances_router
from chalicelib.api.owners.routes import router as owners_router
from chalicelib.api.problems import CONTENT_TYPE
from chalicelib.api.routing import AppContext, Route, Router

router = Router()

ROUTERS = (instances_router, benchmarks_router, images_router, owners_router, desk_router, router)
"""All routes of the API."""

REF = "#/components/schemas/{model}"
JSON = "application/json"


class ProblemField(TypedDict):
    """What is wrong with one field, and what would be right."""

    field: str
    message: str


class Problem(TypedDict):
    """RFC 9457: `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemField]


@router.public_get("/openapi.json", gives=dict[str, Any])
def get_openapi(_desk: AppContext) -> dict[str, Any]:
    """This description."""
    return build_openapi()


@functools.cache
def build_openapi() -> dict[str, Any]:
    """The API in OpenAPI 3.1."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in _tables():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gpudesk", "version": "0.1.0", "description": "A team's GPU desk on AWS."},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _tables() -> Iterator[Route]:
    for module in ROUTERS:
        yield from module.table


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": (route.handler.__doc__ or "").strip(),
        "parameters": _parameters(route, schemas),
        "responses": {
            str(route.status): _content("As asked.", JSON, _schema(route.response_model, schemas)),
            "default": _content("A refusal.", CONTENT_TYPE, _schema(Problem, schemas)),
        },
    }
    if route.body_model is not EmptyModel:
        content = {JSON: {"schema": _schema(route.body_model, schemas)}}
        operation["requestBody"] = {"content": content, "required": _is_needed(route.body_model)}
    if route.query_model is None:
        operation["security"] = []
    return operation


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{name}" in route.path:
        words = "the instance's name while it lives, or its id"
        found.append(_parameter("name", "path", {"type": "string"}, words))
    if "{image}" in route.path:
        found.append(_parameter("image", "path", {"type": "string"}, "the image's id"))
    if "{owner}" in route.path:
        found.append(_parameter("owner", "path", {"type": "string", "pattern": OWNER}, "a person's name"))
    if route.query_model is not None:
        schema = TypeAdapter(route.query_model).json_schema(ref_template=REF)
        schemas.update(schema.get("$defs", {}))
        for name, inner in schema["properties"].items():
            found.append(_parameter(name, "query", inner, inner.get("description", "")))
    if route.handler is launch_instance:
        words = "1 to 255 visible ASCII characters; the same key again is answered with the same instance"
        found.append(_parameter("Idempotency-Key", "header", {"type": "string"}, words))
    return found


def _parameter(name: str, place: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": words}


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The type's schema; it and what it is made of go to the components, but for pages of this or that."""
    schema = TypeAdapter(kind).json_schema(ref_template=REF)
    schemas.update(schema.pop("$defs", {}))
    if get_args(kind):
        return schema
    schemas[kind.__name__] = schema
    return {"$ref": REF.format(model=kind.__name__)}


def _content(words: str, kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {kind: {"schema": schema}}}


def _is_needed(form: type[BaseModel]) -> bool:
    return any(info.is_required() for info in form.model_fields.values())
