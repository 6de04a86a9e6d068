"""Images as clients see them: one instance, one image, and what is wrong with other wishes."""

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS
from tests.api.client import Answer, Bench
from tests.api.test_connect_sessions import KEY

IMAGES = "/instances/brave-otter/images"


@pytest.fixture(scope="module")
def ready(one_bench: Bench) -> Bench:
    """One instance for all: setting one up takes longer than a test."""
    bootstrap.set_application(one_bench.world.desk)
    one_bench.world.ready(name="brave-otter")
    return one_bench


def until(bench: Bench, image_id: str, phase: str) -> dict[str, Any]:
    for _ in range(20):
        shown: dict[str, Any] = bench.ada("GET", f"/images/{image_id}").json
        if shown.get("phase") == phase:
            return shown
        bench.world.minute()
    raise AssertionError(shown)


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({}, "name", "is missing"),
        ({"name": "Vision 1"}, "name", "lower-case letters"),
        ({"name": "vision", "no_reboot": "yes"}, "no_reboot", "true or false"),
        ({"name": "vision", "description": "x" * 201}, "description", "at most 200"),
        ({"name": "vision", "description": "caf\u00e9"}, "description", "printable ASCII"),
        ({"name": "vision", "noreboot": True}, "noreboot", "did you mean no_reboot?"),
    ],
)
def test_a_wrong_field_is_named(ready: Bench, said: dict[str, Any], field: str, message: str) -> None:
    answer = ready.ada("POST", IMAGES, said)
    assert answer.status == 422
    assert message in answer.wrong[field]


def test_an_image_from_the_wish_to_its_end(ready: Bench) -> None:
    ready.world.activity = dict.fromkeys(SIGNALS, SignalState.ACTIVE)
    ready.world.minute(2)
    asked = ready.ada("POST", IMAGES, {"name": "vision-1", "description": "for the course"})
    assert (asked.status, asked.headers["location"]) == (202, f"/images/{asked.json['id']}")
    warnings = {each["code"]: each["message"] for each in asked.json["warnings"]}
    assert list(warnings) == [
        "home_directory_included",
        "instance_store_excluded",
        "sessions_restricted",
        "instance_reboots",
        "activity_interrupted",
    ]
    known = f"`ssh-keygen -R {ready.ada('GET', '/instances/brave-otter').json['id']}`"
    assert known in warnings["instance_reboots"]
    assert warnings["activity_interrupted"].startswith("brave-otter is in use, and the reboot interrupts that: busy: ")
    again = ready.ada("POST", IMAGES, {"name": "vision-1", "description": "for the course"})
    assert (again.status, again.json["id"]) == (202, asked.json["id"])
    other = ready.ada("POST", IMAGES, {"name": "vision-2"})
    assert (other.status, other.json["code"]) == (409, "image_in_progress")
    assert ready.ada("DELETE", f"/images/{asked.json['id']}").json["code"] == "image_not_ready"

    _is_sealed(ready, asked.json)
    shown = until(ready, asked.json["id"], "available")
    assert (shown["name"], shown["owner"], shown["recipe"], shown["region"]) == (
        "vision-1",
        "ada",
        "jupyter",
        "us-east-1",
    )
    assert (shown["size_gib"], shown["price_per_month"], shown["age_days"]) == (64, "3.20", 0)
    assert shown["ami_id"].startswith("ami-")
    assert [each["document"] for each in shown["installed_documents"]] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert (shown["secrets_removed"], shown["added_recipes"], shown["parameters"]["pip_index"]) == (False, [], "")
    assert ready.ada("GET", "/instances/brave-otter").json["status"]["image_creation"] is None

    assert ready.ada("GET", "/images/vision-1").json == shown, "a name will do where one alone has it"
    assert ready.bob("GET", "/images/vision-1").status == 404
    assert [each["id"] for each in ready.ada("GET", "/images").json["items"]] == [shown["id"]]
    assert [each["id"] for each in ready.root("GET", "/images").json["items"]] == [shown["id"]]
    assert ready.bob("GET", "/images").json["items"] == []
    for method in ("GET", "DELETE"):
        answer = ready.bob(method, f"/images/{shown['id']}")
        assert (answer.status, answer.json["code"]) == (404, "image_not_found")

    launched = ready.ada("POST", "/instances", {"gpu": "T4", "image": "latest", "name": "quick-fox"})
    assert (launched.status, launched.json["spec"]["image"]) == (202, shown["id"])
    (warning,) = (each for each in launched.json["warnings"] if each["code"] == "launched_from_image")
    assert "Skipped unless changed since: gpudesk-jupyter. This saves about" in warning["message"]
    in_use = ready.ada("DELETE", f"/images/{shown['id']}")
    assert (in_use.status, in_use.json["code"]) == (409, "in_use")
    theirs = ready.bob("POST", "/instances", {"gpu": "T4", "image": shown["id"]})
    assert (theirs.status, list(theirs.wrong)) == (422, ["image"])
    ready.world.minute(3)

    ready.world.hold()
    gone = ready.ada("DELETE", "/images/vision-1")
    assert (gone.status, gone.json["phase"]) == (202, "deleting")
    assert gone.json["warnings"] == [
        {
            "code": "desk_paused",
            "message": "gpudesk is paused. The deletion is recorded and starts when an admin sets mode to enforce.",
        }
    ]
    ready.root("PATCH", "/desk", {"mode": "enforce"})
    assert ready.ada("DELETE", f"/images/{shown['id']}").json["warnings"] == []
    ready.world.minute(4)
    assert ready.ada("GET", f"/images/{shown['id']}").status == 404
    assert ready.ada("GET", "/images").json["items"] == []


def _is_sealed(bench: Bench, image: dict[str, Any]) -> None:
    """While ssh host keys and Jupyter's token are off its disk, whoever needs them hears why and until when."""

    def imaging(instance: str = "brave-otter") -> dict[str, Any]:
        found: dict[str, Any] = bench.ada("GET", f"/instances/{instance}").json["status"]["image_creation"]
        return found

    def opened(kind: str) -> Answer:
        key = {"public_key": KEY} if kind == "ssh" else {}
        return bench.ada("POST", "/instances/brave-otter/sessions", {"kind": kind, **key})

    assert imaging() == {
        "image_id": image["id"],
        "started_at": image["created_at"],
        "phase": "requested",
        "secrets_removed": False,
    }
    bench.world.minute()
    assert (imaging()["phase"], imaging()["secrets_removed"]) == ("sanitizing", True)
    for kind in ("ssh", "jupyter", "jupyter_token"):
        refused = opened(kind)
        assert (refused.status, refused.json["code"]) == (409, "secrets_removed")
        for words in ("brave-otter reboots for the image", "UTC at the latest", f"GET /images/{image['id']}"):
            assert words in refused.json["detail"]
    assert opened("shell").status == 201
    for _ in range(5):
        if not imaging()["secrets_removed"]:
            break
        bench.world.minute()
    assert imaging()["phase"] == "pending", "it takes minutes yet, and the disk's moment is past"
    assert [opened(kind).status for kind in ("ssh", "jupyter_token")] == [201, 201]


def test_without_a_reboot_that_is_warned_of_too(ready: Bench) -> None:
    asked = ready.ada("POST", IMAGES, {"name": "vision-3", "no_reboot": True})
    assert asked.status == 202
    codes = [each["code"] for each in asked.json["warnings"]]
    assert "file_system_inconsistent" in codes
    assert "instance_reboots" not in codes
    until(ready, asked.json["id"], "available")
