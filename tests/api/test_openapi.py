"""GET /openapi.json: exactly the routes of the app, each with a summary and descriptions."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import app as application
from chalicelib.api.openapi import ROUTERS, build_openapi
from chalicelib.api.route import Route
from chalicelib.domain.common.errors import ErrorCode
from chalicelib.domain.common.event_codes import Audience, EventCode
from tests.api.client import Bench
from tests.unit.notifications.delivery import WEBHOOK_URLS, deliver
from tests.unit.notifications.triggers import TRIGGERS

ROUTES = [route for router in ROUTERS for route in router.routes]


def list_operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in build_openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_openapi_contains_exactly_the_routes_of_the_app(bench: Bench) -> None:
    served = bench.create_client()("GET", "/openapi.json").json
    described = {(path, method.upper()) for path, methods in served["paths"].items() for method in methods}
    assert described == {(path, method) for path, methods in application.app.routes.items() for method in methods}


def test_openapi_references_all_resolve() -> None:
    references = set(re.findall(r"'#/components/schemas/([^']*)'", str(build_openapi())))
    assert references == references & set(build_openapi()["components"]["schemas"])
    assert {"LaunchBody", "InstanceWithWarningsView", "Problem"} <= references


def test_openapi_describes_the_launch_request() -> None:
    operation = build_openapi()["paths"]["/instances"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["owner", "Idempotency-Key"]
    statuses = {"400", "401", "403", "409", "412", "413", "415", "422", "503"}
    assert set(operation["responses"]) == {"202", "default", *statuses}
    assert set(operation["responses"]["202"]["headers"]) == {"Location", "Retry-After"}
    fields = build_openapi()["components"]["schemas"]["LaunchBody"]["properties"]
    assert set(fields) == {
        *("gpu", "gpu_count", "instance_type", "region", "market", "recipe", "parameters", "image"),
        "resume_after_interruption",
        *("disk_gib", "metadata_hop_limit", "name", "owner", "project", "tags", "idle_policy", "max_hours"),
        *("max_price", "wait_until"),
        "wait_for_quota",
        "before_stop_hook",
    }
    assert build_openapi()["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.endpoint.method} {route.endpoint.path}")
def test_route_declares_the_parameter_of_its_path(route: Route) -> None:
    declared = [route.endpoint.path_parameter.key] if route.endpoint.path_parameter else []
    assert re.findall(r"{(\w+)}", route.endpoint.path) == declared


def test_every_operation_has_a_summary_a_tag_and_described_parameters() -> None:
    tags = {tag["name"] for tag in build_openapi()["tags"]}
    for name, operation in list_operations():
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


JSON_SCHEMA_KEYWORDS = {
    *("$ref", "title", "description", "type", "format", "enum", "const", "default", "anyOf"),
    *("properties", "required", "additionalProperties", "propertyNames", "maxProperties"),
    *("items", "minItems", "maxItems"),
    *("minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum"),
}
"""The keywords of JSON Schema that the API uses."""


def list_schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas inside it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for part in inner:
        yield from list_schemas(part)


def test_schemas_use_only_keywords_of_json_schema_and_none_is_empty() -> None:
    tops = list(build_openapi()["components"]["schemas"].values())
    for _, operation in list_operations():
        tops += [parameter["schema"] for parameter in operation["parameters"]]
        for response in operation["responses"].values():
            tops += [content["schema"] for content in response.get("content", {}).values()]
    for top in tops:
        for schema in list_schemas(top):
            assert schema, top
            assert set(schema) <= JSON_SCHEMA_KEYWORDS, schema


@pytest.mark.parametrize(
    ("schema", "field", "values"),
    [
        ("InstanceView", "phase", {"requested", "setting-up", "ready", "terminated"}),
        ("InstanceView", "desired", {"running", "stopped", "terminated"}),
        ("SpecView", "market", {"on-demand"}),
        ("ActivityView", "state", {"busy", "quiet", "idle", "unknown"}),
        ("DeliveryView", "state", {"pending", "delivered", "failed"}),
        ("ImageView", "phase", {"sanitizing", "available"}),
        ("DeskView", "mode", {"enforce", "dry_run", "paused"}),
        ("Problem", "code", set(ErrorCode)),
        ("ReasonView", "code", set(EventCode)),
        ("TimelineEntryView", "code", set(EventCode)),
        ("NotificationView", "code", set(EventCode)),
        ("WebhookMessage", "type", set(EventCode)),
        ("HealthView", "status", {"ok", "sweep_overdue"}),
    ],
)
def test_field_with_a_fixed_set_of_values_lists_them(schema: str, field: str, values: set[str]) -> None:
    components = build_openapi()["components"]["schemas"]
    name = components[schema]["properties"][field]["$ref"].rpartition("/")[2]
    assert values <= set(components[name]["enum"])


def test_launch_request_lists_the_markets_and_describes_names() -> None:
    fields = build_openapi()["components"]["schemas"]["LaunchBody"]["properties"]
    assert fields["market"]["enum"] == ["on-demand", "spot", "spot-or-on-demand", None]
    assert fields["name"]["description"].startswith("3 to 40 lower-case letters")


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/healthz", {"200", "412", "422", "503"}),
        ("get", "/costs", {"200", "401", "403", "412", "422", "503"}),
        ("get", "/instances/{name}", {"200", "401", "403", "404", "412", "422", "503"}),
        ("get", "/images/{image}", {"200", "401", "403", "404", "409", "412", "422", "503"}),
        ("patch", "/desk", {"200", "400", "401", "403", "409", "412", "413", "415", "422", "502", "503"}),
        ("post", "/instances/{name}/stop", {"202", "401", "403", "404", "409", "412", "422", "503"}),
    ],
)
def test_operation_names_the_statuses_that_it_can_have(method: str, path: str, statuses: set[str]) -> None:
    assert set(build_openapi()["paths"][path][method]["responses"]) == {*statuses, "default"}


def test_message_of_webhook_has_exactly_the_described_fields() -> None:
    schemas = build_openapi()["components"]["schemas"]
    assert build_openapi()["webhooks"]["notification"]["post"]["requestBody"]["required"]
    for code in ("idle_warning", "setup_failed", "start_failed", "image_failed", "ready"):
        message = deliver(*TRIGGERS[code]()).webhooks[WEBHOOK_URLS[Audience.OWNER]]
        assert set(message) == set(schemas["WebhookMessage"]["properties"])
        assert set(message["data"]["instance"]) == set(schemas["WebhookInstance"]["properties"])
        required = set(schemas["WebhookData"]["required"])
        assert required <= set(message["data"]) <= set(schemas["WebhookData"]["properties"])


def test_null_is_described_exactly_where_it_is_accepted() -> None:
    schemas = build_openapi()["components"]["schemas"]
    desk, launch = schemas["UpdateDeskBody"]["properties"], schemas["LaunchBody"]["properties"]
    assert desk["mode"]["enum"] == ["enforce", "dry_run", "paused"]
    assert desk["defaults"]["$ref"].endswith("/DefaultsBody")
    assert schemas["LimitsBody"]["properties"]["max_hours"]["type"] == "integer"
    assert {"type": "null"} in desk["log_group"]["anyOf"]
    assert {"type": "null"} in launch["disk_gib"]["anyOf"]
    for _, operation in list_operations():
        for parameter in operation["parameters"]:
            assert "anyOf" not in parameter["schema"], parameter


def test_costs_have_a_schema_of_their_items() -> None:
    items = build_openapi()["components"]["schemas"]["CostsView"]["properties"]["items"]
    assert items["items"] == {"$ref": "#/components/schemas/DayCostView"}


def test_no_operation_has_two_parameters_of_one_name() -> None:
    for path, operations in build_openapi()["paths"].items():
        for operation in operations.values():
            names = [parameter["name"] for parameter in operation["parameters"]]
            assert len(set(names)) == len(names), path
