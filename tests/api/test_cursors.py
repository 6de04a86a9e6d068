"""A cursor belongs to one list. Every other list rejects it."""

import base64
import json
from datetime import timedelta

import pytest

from tests.api.client import Bench

LISTS = ("/instances", "/images", "/recipes", "/instances/otter-1/timeline", "/instances/otter-1/notifications")


def get_first_cursor(bench: Bench, path: str) -> str:
    """Return the cursor behind the first item of a list of ada's."""
    cursor = bench.ada("GET", f"{path}{'&' if '?' in path else '?'}limit=1").json["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


def two_instances(bench: Bench) -> None:
    """Launch otter-1 and otter-2 for ada, with a second timeline entry each."""
    for name in ("otter-1", "otter-2"):
        bench.world.launch(name=name)
        bench.ada("PATCH", f"/instances/{name}", {"max_hours": 5})


@pytest.mark.parametrize("source", ["/instances", "/recipes", "/instances/otter-1/timeline"])
def test_cursor_of_another_list_is_rejected(bench: Bench, source: str) -> None:
    two_instances(bench)
    cursor = get_first_cursor(bench, source)
    assert bench.ada("GET", f"{source}?cursor={cursor}").status == 200
    for path in LISTS:
        if path != source:
            response = bench.ada("GET", f"{path}?cursor={cursor}")
            assert (path, response.status) == (path, 422)
            assert response.json["errors"] == [
                {"field": "cursor", "message": "must be the next_cursor of an earlier answer to the same list"}
            ]


def test_cursor_of_another_owners_list_is_rejected(bench: Bench) -> None:
    two_instances(bench)
    cursor = get_first_cursor(bench, "/instances")
    assert bench.bob("GET", f"/instances?cursor={cursor}").status == 422
    assert bench.root("GET", f"/instances?cursor={cursor}").status == 422
    assert bench.root("GET", f"/instances?owner=bob&cursor={cursor}").status == 422
    assert bench.root("GET", f"/instances?owner=ada&cursor={cursor}").status == 200


def test_cursor_of_another_instances_timeline_is_rejected(bench: Bench) -> None:
    two_instances(bench)
    cursor = get_first_cursor(bench, "/instances/otter-1/timeline")
    assert bench.ada("GET", f"/instances/otter-2/timeline?cursor={cursor}").status == 422


def test_cursor_of_another_owners_costs_is_rejected(bench: Bench) -> None:
    bench.world.launch_until_ready(name="otter-1")
    bench.world.clock.advance(timedelta(days=2))
    cursor = get_first_cursor(bench, "/costs")
    assert bench.ada("GET", f"/costs?cursor={cursor}").status == 200
    assert bench.root("GET", f"/costs?owner=bob&cursor={cursor}").status == 422
    assert bench.ada("GET", f"/recipes?cursor={cursor}").status == 422


@pytest.mark.parametrize(
    "content",
    [
        "nonsense",
        json.dumps(["instances/ada"]),
        json.dumps(["instances/ada", {}]),
        json.dumps(["instances/ada", ["id", "created_key"]]),
        json.dumps(["instances/ada", {"id": "gd-1"}]),
        json.dumps(["instances/ada", {"id": 1, "created_key": "x"}]),
        json.dumps(["instances/ada", {"id": "", "created_key": "x"}]),
        json.dumps(["instances/ada", {"id": "gd-1", "created_key": "x", "owner": "bob"}]),
        json.dumps({"id": "gd-1", "created_key": "x"}),
        "[" * 5000,
    ],
)
def test_forged_cursor_is_rejected(bench: Bench, content: str) -> None:
    cursor = base64.urlsafe_b64encode(content.encode()).decode()[:1000]
    assert bench.ada("GET", f"/instances?cursor={cursor}").status == 422


def test_cursor_of_removed_item_is_rejected(bench: Bench) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["recipes", {"after": "no-such-recipe"}]).encode()).decode()
    assert bench.ada("GET", f"/recipes?cursor={cursor}").status == 422
