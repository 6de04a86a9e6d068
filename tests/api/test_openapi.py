"""GET /openapi.json: it describes exactly the routes of the app, and every text in it says something."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import app as application
from chalicelib.api.openapi import ROUTERS, build_openapi
from chalicelib.api.route import Route
from tests.api.client import Bench

ROUTES = [route for router in ROUTERS for route in router.routes]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in build_openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_openapi_contains_exactly_the_routes_of_the_app(bench: Bench) -> None:
    served = bench.stranger()("GET", "/openapi.json").json
    described = {(path, method.upper()) for path, methods in served["paths"].items() for method in methods}
    assert described == {(path, method) for path, methods in application.app.routes.items() for method in methods}


def test_openapi_references_all_resolve() -> None:
    references = set(re.findall(r"'#/components/schemas/([^']*)'", str(build_openapi())))
    assert references == references & set(build_openapi()["components"]["schemas"])
    assert {"LaunchBody", "InstanceWithWarningsView", "Problem"} <= references


def test_openapi_describes_the_launch_request() -> None:
    operation = build_openapi()["paths"]["/instances"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["owner", "Idempotency-Key"]
    assert set(operation["responses"]) == {"202", "default"}
    fields = build_openapi()["components"]["schemas"]["LaunchBody"]["properties"]
    assert set(fields) == {
        *("gpu", "gpu_count", "instance_type", "region", "market", "recipe", "parameters", "image"),
        *("disk_gib", "name", "owner", "project", "tags", "idle_policy", "max_hours"),
    }
    assert build_openapi()["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.endpoint.method} {route.endpoint.path}")
def test_route_declares_the_parameter_of_its_path(route: Route) -> None:
    declared = [route.endpoint.path_parameter.key] if route.endpoint.path_parameter else []
    assert re.findall(r"{(\w+)}", route.endpoint.path) == declared


def test_every_operation_has_a_summary_a_tag_and_described_parameters() -> None:
    tags = {tag["name"] for tag in build_openapi()["tags"]}
    for name, operation in operations():
        assert operation["summary"].endswith("."), name
        assert "\n" not in operation["summary"], name
        assert set(operation["tags"]) <= tags, name
        assert all(parameter["description"] for parameter in operation["parameters"]), name


def test_every_schema_and_every_request_field_has_a_description() -> None:
    schemas = build_openapi()["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []
    fields = {
        f"{name}.{field}": info.get("description")
        for name, schema in schemas.items()
        if name.endswith("Body")
        for field, info in schema["properties"].items()
    }
    assert [field for field, description in fields.items() if not description] == []


def test_no_operation_has_two_parameters_of_one_name() -> None:
    for path, operations in build_openapi()["paths"].items():
        for operation in operations.values():
            names = [parameter["name"] for parameter in operation["parameters"]]
            assert len(set(names)) == len(names), path
