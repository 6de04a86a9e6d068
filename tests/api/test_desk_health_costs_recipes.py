"""/healthz, /recipes, /costs and /desk."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.store.data_files import load_packaged_recipes
from chalicelib.store.desk import SETTINGS_KEY, DeskModel, DeskRepository
from chalicelib.store.images.table import ImageModel
from chalicelib.store.instances.table import InstanceModel
from tests.api.client import POLICY, Bench
from tests.support.world import build_application


def test_costs_of_an_unknown_owner_or_instance_are_refused(bench: Bench) -> None:
    name = bench.ada("POST", "/instances", {"gpu": "T4"}).json["name"]
    for person, path, field in (
        (bench.root, "/costs?owner=typo", "owner"),
        (bench.root, "/costs?instance=nope", "instance"),
        (bench.bob, f"/costs?instance={name}", "instance"),
    ):
        answer = person("GET", path)
        assert (answer.status, list(answer.field_errors)) == (422, [field])
    for path in ("/costs?owner=ada", f"/costs?instance={name}", "/costs?owner=root"):
        assert bench.root("GET", path).status == 200
    assert bench.ada("DELETE", f"/instances/{name}").status == 202
    assert bench.ada("GET", f"/costs?instance={name}").status == 200


def test_health_shows_the_time_and_the_last_sweep(bench: Bench) -> None:
    now = f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    mode = {"mode": "enforce", "mode_changed_at": None, "mode_changed_by": None}
    expected = {"status": "ok", "now": now, "last_sweep_at": None, **mode}
    assert bench.create_client()("GET", "/healthz").json == expected
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
    nothing: dict[str, Any] = {"items": [], "next_cursor": None, "total": "0.000000", "incomplete": False}
    assert costs == costs | {"since": "2026-01-01", "until": "2026-01-20", **nothing}
    assert (costs["month"]["month_to_date"], costs["month"]["forecast"]) == ("0.000000", "0.000000")
    assert costs["idle_stop_savings"]["amount"] == "0.000000"
    assert {left_out["code"] for left_out in costs["left_out"]} >= {"traffic", "tax", "discounts"}


def test_costs_of_an_owner_with_an_unreadable_record_are_incomplete(bench: Bench) -> None:
    record = InstanceModel.get(bench.world.launch().id)
    record.record = "{}"
    record.save()
    incomplete = [client("GET", "/costs").json["incomplete"] for client in (bench.ada, bench.bob, bench.root)]
    assert incomplete == [True, False, True]


def test_unreadable_record_is_a_conflict_for_those_who_may_see_it(bench: Bench) -> None:
    record = InstanceModel.get(bench.world.launch(name="broken").id)
    record.record = "{}"
    record.save()
    body = {"name": "broken", "instance_type": "g4dn.xlarge"}
    for answer in (
        bench.ada("GET", f"/instances/{record.id}"),
        bench.root("DELETE", "/instances/broken"),
        bench.ada("POST", "/instances/broken/stop"),
        bench.ada("POST", "/instances", body),
    ):
        assert (answer.status, answer.json["code"]) == (409, "record_unreadable")
        assert f"cannot read its record {record.id}" in answer.json["detail"]
    assert bench.bob("GET", f"/instances/{record.id}").status == 404
    taken = bench.bob("POST", "/instances", body)
    assert (taken.status, taken.json["code"]) == (409, "name_taken")
    assert record.id not in taken.json["detail"]
    ImageModel("gi-1", created_key="k", partition="all", owner="bob", pending="pending", record="{}").save()
    for method in ("GET", "DELETE"):
        assert bench.bob(method, "/images/gi-1").json["code"] == "record_unreadable"
        assert bench.ada(method, "/images/gi-1").status == 404
    assert bench.bob("GET", "/costs").json["incomplete"]


def test_desk_update_by_admin_applies_to_everyone(bench: Bench) -> None:
    body = {
        "mode": "dry_run",
        "defaults": {"disk_gib": 100, "idle_policy": {"idle_minutes": 60}},
        "limits": {"max_hours": 24, "required_tags": ["project"], "regions": ["us-east-1"]},
    }
    changed = bench.root("PATCH", "/desk", body)
    assert changed.status == 200
    seen = bench.ada("GET", "/desk").json
    only_here: dict[str, Any] = {"channels": {"email": None, "webhook": None}, "webhook_secret": None, "warnings": []}
    assert {**seen, **only_here} == changed.json
    assert seen["mode"] == "dry_run"
    assert seen["defaults"]["idle_policy"] == {**POLICY, "idle_minutes": 60}
    assert seen["limits"]["required_tags"] == ["project"]
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).field_errors == {"project": "is required on this desk"}


def test_changed_mode_has_author_and_time_and_admins_are_notified(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"channels": {"email": "root@example.org"}})
    changed = bench.root("PATCH", "/desk", {"mode": "paused"}).json
    expected = {
        "mode": "paused",
        "mode_changed_at": f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}",
        "mode_changed_by": "root",
    }
    for shown in (changed, bench.ada("GET", "/desk").json, bench.create_client()("GET", "/healthz").json):
        assert {name: shown[name] for name in expected} == expected
    timeline = bench.ada("GET", "/desk/timeline").json["items"]
    assert [(entry["actor"], entry["code"]) for entry in timeline] == [
        ("root", "desk_changed"),
        ("root", "mode_changed"),
    ]
    (notification,) = bench.world.application.desk.stores.notifications.list_due(bench.world.now, 10)
    assert (notification.code, notification.message) == ("mode_changed", timeline[1]["message"])
    assert list(notification.deliveries) == ["admin.email"]


def test_default_region_is_the_home_region(bench: Bench) -> None:
    set_home_region(bench, "eu-west-1")
    assert bench.ada("GET", "/desk").json["defaults"]["region"] == "eu-west-1"
    set_home_region(bench, "mx-central-1")
    assert bench.root("PATCH", "/desk", {"mode": "paused"}).status == 200
    answer = bench.root("PATCH", "/desk", {"limits": {"regions": ["us-east-1"]}})
    assert list(answer.field_errors) == ["defaults.region"]


def test_item_without_settings_has_the_default_region_too(bench: Bench) -> None:
    set_home_region(bench, "eu-west-1")
    DeskModel(SETTINGS_KEY, version=1).save()
    assert bench.ada("GET", "/desk").json["defaults"]["region"] == "eu-west-1"


def set_home_region(bench: Bench, region: str) -> None:
    """Give gpudesk another home region; its tables stay where they are."""
    service = bench.world.application.desk
    stores = replace(service.stores, desk=DeskRepository(region))
    bootstrap.set_application(replace(bench.world.application, desk=replace(service, stores=stores)))


def test_equal_settings_are_not_written(bench: Bench) -> None:
    before = bench.world.cloud.calls["dynamodb:TransactWriteItems"]
    assert bench.root("PATCH", "/desk", {"mode": "enforce"}).status == 200
    assert bench.world.cloud.calls["dynamodb:TransactWriteItems"] == before
    assert bench.root("GET", "/desk/timeline").json["items"] == []


@pytest.mark.parametrize("path", ["/desk", "/owners/root"])
@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        ("ThrottlingException", 503, "so nothing was changed"),
        ("AccessDeniedException", 502, "A permission of gpudesk itself is missing. An admin must check its roles."),
    ],
)
def test_webhook_without_key_of_its_secret_is_not_set(
    bench: Bench, path: str, code: str, status: int, advice: str
) -> None:
    fresh = build_application(bench.world.clock, bench.world.application.settings)
    bootstrap.set_application(fresh)
    bench.world.cloud.faults.inject("GetParameter", code)
    answer = bench.root("PATCH", path, {"channels": {"webhook": "https://hooks.example.org/gpu"}})
    assert (answer.status, answer.json["code"]) == (status, "upstream_error")
    assert advice in answer.json["detail"]
    assert bench.root("GET", path).json["channels"]["webhook"] is None


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
        ({"log_group": "/gpudesk/setup"}, "log_group"),
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
