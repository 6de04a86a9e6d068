"""/healthz, /recipes, /costs and /desk."""

from typing import Any

import pytest

from chalicelib.store.data_files import load_packaged_recipes
from tests.api.client import POLICY, Bench


def test_health_shows_the_time_and_the_last_sweep(bench: Bench) -> None:
    now = f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    assert bench.create_client()("GET", "/healthz").json == {"status": "ok", "now": now, "last_sweep_at": None}
    bench.world.application.sweep.run()
    assert bench.create_client()("GET", "/healthz").json["last_sweep_at"] == now


def test_recipes_are_listed_page_by_page(bench: Bench) -> None:
    first = bench.ada("GET", "/recipes?limit=1").json
    second = bench.ada("GET", f"/recipes?cursor={first['next_cursor']}").json
    assert [each["name"] for each in (*first["items"], *second["items"])] == list(load_packaged_recipes())
    assert second["next_cursor"] is None
    assert second["items"][0]["documents"] == ["gpudesk-probe", "gpudesk-jupyter"]


def test_costs_without_instances_are_zero(bench: Bench) -> None:
    costs = bench.ada("GET", "/costs?since=2026-01-01&until=2026-01-20").json
    nothing: dict[str, Any] = {"items": [], "next_cursor": None, "total": "0.000000"}
    assert costs == {"since": "2026-01-01", "until": "2026-01-20", **nothing}


def test_desk_update_by_admin_applies_to_everyone(bench: Bench) -> None:
    body = {
        "mode": "dry_run",
        "defaults": {"disk_gib": 100, "idle_policy": {"idle_minutes": 60}},
        "limits": {"max_hours": 24, "required_tags": ["project"], "regions": ["us-east-1"]},
    }
    changed = bench.root("PATCH", "/desk", body)
    assert changed.status == 200
    desk = bench.ada("GET", "/desk").json
    only_here: dict[str, Any] = {"channels": {"email": None, "webhook": None}, "webhook_secret": None, "warnings": []}
    assert {**desk, **only_here} == changed.json
    assert desk["mode"] == "dry_run"
    assert desk["defaults"]["idle_policy"] == {**POLICY, "idle_minutes": 60}
    assert desk["limits"]["required_tags"] == ["project"]
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).field_errors == {"project": "is required on this desk"}


@pytest.mark.parametrize(
    ("body", "field"),
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
def test_desk_update_with_wrong_field_is_rejected_and_changes_nothing(
    bench: Bench, body: dict[str, Any], field: str
) -> None:
    before = bench.root("GET", "/desk").json
    answer = bench.root("PATCH", "/desk", body)
    assert (answer.status, list(answer.field_errors)) == (422, [field])
    assert bench.root("GET", "/desk").json == before
