"""/healthz, /recipes, /costs, /desk: and /openapi.json, which says what all of it is."""

import re
from typing import Any

import pytest

import app as application
from chalicelib.api.openapi import build_openapi
from chalicelib.store.data_files import load_packaged_recipes
from tests.api.client import POLICY, Bench


def test_health_tells_the_desks_time_and_its_last_sweep(bench: Bench) -> None:
    now = f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    assert bench.stranger()("GET", "/healthz").json == {"status": "ok", "now": now, "last_sweep_at": None}
    bench.world.desk.sweep.run()
    assert bench.stranger()("GET", "/healthz").json["last_sweep_at"] == now


def test_recipes_are_listed_page_by_page(bench: Bench) -> None:
    first = bench.ada("GET", "/recipes?limit=1").json
    second = bench.ada("GET", f"/recipes?cursor={first['next_cursor']}").json
    assert [each["name"] for each in (*first["items"], *second["items"])] == list(load_packaged_recipes())
    assert second["next_cursor"] is None
    assert second["items"][0]["documents"] == ["gpudesk-probe", "gpudesk-jupyter"]


def test_costs_of_nothing_are_nothing(bench: Bench) -> None:
    costs = bench.ada("GET", "/costs?since=2026-01-01&until=2026-01-20").json
    nothing: dict[str, Any] = {"items": [], "next_cursor": None, "total": "0.000000"}
    assert costs == {"since": "2026-01-01", "until": "2026-01-20", **nothing}


def test_an_admin_sets_what_holds_for_all(bench: Bench) -> None:
    said = {
        "mode": "dry_run",
        "defaults": {"disk_gib": 100, "idle_policy": {"idle_minutes": 60}},
        "limits": {"max_hours": 24, "required_tags": ["project"], "regions": ["us-east-1"]},
    }
    changed = bench.root("PATCH", "/desk", said)
    assert changed.status == 200
    desk = bench.ada("GET", "/desk").json
    assert {**desk, "channels": {"email": None, "webhook": None}, "webhook_secret": None} == changed.json
    assert desk["mode"] == "dry_run"
    assert desk["defaults"]["idle_policy"] == {**POLICY, "idle_minutes": 60}
    assert desk["limits"]["required_tags"] == ["project"]
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).wrong == {"project": "is required on this desk"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "body"),
        ({"mode": "panic"}, "mode"),
        ({"mode": None}, "mode"),
        ({"defaults": None}, "defaults"),
        ({"limits": {"max_hours": None}}, "limits.max_hours"),
        ({"limits": {"regions": [1]}}, "limits.regions.0"),
        ({"limits": {"regions": ["the moon"]}}, "limits.regions.0"),
        ({"limits": {"required_tags": ["project", ""]}}, "limits.required_tags.1"),
        ({"limits": {"max_hour": 4}}, "limits.max_hour"),
        ({"defaults": {"recipe": "d2l"}}, "defaults.recipe"),
        ({"defaults": {"max_hours": 100}}, "defaults.max_hours"),
        ({"defaults": {"idle_policy": {"idle_minutes": 9999}}}, "defaults.idle_policy.idle_minutes"),
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(bench: Bench, said: dict[str, Any], field: str) -> None:
    before = bench.root("GET", "/desk").json
    answer = bench.root("PATCH", "/desk", said)
    assert (answer.status, list(answer.wrong)) == (422, [field])
    assert bench.root("GET", "/desk").json == before


def test_the_description_names_every_route_and_no_other(bench: Bench) -> None:
    served = bench.stranger()("GET", "/openapi.json").json
    told = {(path, method.upper()) for path, methods in served["paths"].items() for method in methods}
    assert told == {(path, method) for path, methods in application.app.routes.items() for method in methods}


def test_every_reference_of_the_description_leads_somewhere() -> None:
    references = set(re.findall(r"'#/components/schemas/([^']*)'", str(build_openapi())))
    assert references == references & set(build_openapi()["components"]["schemas"])
    assert {"LaunchBody", "InstanceWithWarningsView", "Problem"} <= references


def test_the_description_has_what_the_contract_has() -> None:
    operation = build_openapi()["paths"]["/instances"]["post"]
    assert [each["name"] for each in operation["parameters"]] == ["owner", "Idempotency-Key"]
    assert set(operation["responses"]) == {"202", "default"}
    fields = build_openapi()["components"]["schemas"]["LaunchBody"]["properties"]
    assert set(fields) == {
        *("gpu", "gpu_count", "instance_type", "region", "market", "recipe", "parameters", "image"),
        *("disk_gib", "name", "owner", "project", "tags", "idle_policy", "max_hours"),
    }
    assert build_openapi()["paths"]["/healthz"]["get"]["security"] == []
