"""Images over HTTP: create, list, launch from and delete them, and the requests that are rejected."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS
from tests.api.client import Answer, Bench
from tests.api.test_connect_sessions import KEY

IMAGES = "/instances/brave-otter/images"
REQUEST = {"name": "vision-1", "description": "for the course"}
MAX_MINUTES = 20


@pytest.fixture(scope="module")
def ready(one_bench: Bench) -> Bench:
    """One ready instance for the whole module, because a setup takes longer than a test."""
    bootstrap.set_application(one_bench.world.application)
    one_bench.world.launch_until_ready(name="brave-otter")
    return one_bench


@dataclass
class Creation:
    """Answers that clients got while vision-1 was created from a busy instance.

    :param sessions: the answer to each kind of session while the secrets were removed
    :param restored: the answers to the same requests once they were restored
    """

    request: Answer
    repeated: Answer
    second: Answer
    early_delete: Answer
    progress: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, Answer] = field(default_factory=dict)
    restored: dict[str, Answer] = field(default_factory=dict)
    image: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def creation(ready: Bench) -> Creation:
    """Create one image for the tests that need an available one, because that takes minutes of the world's time."""
    ready.world.activity = dict.fromkeys(SIGNALS, SignalState.ACTIVE)
    ready.world.pass_minutes(2)
    request = ready.ada("POST", IMAGES, REQUEST)
    creation = Creation(
        request=request,
        repeated=ready.ada("POST", IMAGES, REQUEST),
        second=ready.ada("POST", IMAGES, {"name": "vision-2"}),
        early_delete=ready.ada("DELETE", f"/images/{request.json['id']}"),
        progress=[get_image_creation(ready)],
    )
    ready.world.pass_minutes()
    creation.progress.append(get_image_creation(ready))
    creation.sessions = {kind: open_session(ready, kind) for kind in ("ssh", "jupyter", "jupyter_token", "shell")}
    wait_until_restored(ready)
    creation.progress.append(get_image_creation(ready))
    creation.restored = {kind: open_session(ready, kind) for kind in ("ssh", "jupyter_token")}
    creation.image = wait_for_phase(ready, request.json["id"], "available")
    return creation


def get_image_creation(bench: Bench) -> dict[str, Any]:
    status: dict[str, Any] = bench.ada("GET", "/instances/brave-otter").json["status"]["image_creation"]
    return status


def open_session(bench: Bench, kind: str) -> Answer:
    key = {"public_key": KEY} if kind == "ssh" else {}
    return bench.ada("POST", "/instances/brave-otter/sessions", {"kind": kind, **key})


def wait_until_restored(bench: Bench) -> None:
    for _ in range(5):
        if not get_image_creation(bench)["secrets_removed"]:
            return
        bench.world.pass_minutes()


def wait_for_phase(bench: Bench, image_id: str, phase: str) -> dict[str, Any]:
    for _ in range(MAX_MINUTES):
        image: dict[str, Any] = bench.ada("GET", f"/images/{image_id}").json
        if image.get("phase") == phase:
            return image
        bench.world.pass_minutes()
    raise AssertionError(image)


@pytest.mark.parametrize(
    ("body", "field_name", "message"),
    [
        ({}, "name", "is required: 3 to 40 lower-case letters"),
        ({"name": "Vision 1"}, "name", "lower-case letters"),
        ({"name": "latest"}, "name", "must not be latest: a launch with image latest uses the newest image"),
        ({"name": "gi-0123456789abcdef"}, "name", "must not start with gi-"),
        ({"name": "vision", "no_reboot": "yes"}, "no_reboot", "true or false"),
        ({"name": "vision", "description": "x" * 201}, "description", "at most 200"),
        ({"name": "vision", "description": "caf\u00e9"}, "description", "printable ASCII"),
        ({"name": "vision", "noreboot": True}, "noreboot", "did you mean no_reboot?"),
    ],
)
def test_image_request_with_wrong_field_is_rejected_with_its_name(
    ready: Bench, body: dict[str, Any], field_name: str, message: str
) -> None:
    answer = ready.ada("POST", IMAGES, body)
    assert answer.status == 422
    assert message in answer.field_errors[field_name]


def test_image_request_is_accepted_with_warnings(creation: Creation, ready: Bench) -> None:
    request = creation.request
    assert (request.status, request.headers["location"]) == (202, f"/images/{request.json['id']}")
    warnings = {warning["code"]: warning["message"] for warning in request.json["warnings"]}
    assert list(warnings) == [
        "home_directory_included",
        "instance_store_excluded",
        "sessions_restricted",
        "instance_reboots",
        "activity_interrupted",
    ]
    known_host = f"`ssh-keygen -R {ready.ada('GET', '/instances/brave-otter').json['id']}`"
    assert known_host in warnings["instance_reboots"]
    assert warnings["activity_interrupted"].startswith("brave-otter is in use, and the reboot interrupts that. Busy: ")


def test_repeated_image_request_returns_the_same_image(creation: Creation) -> None:
    assert (creation.repeated.status, creation.repeated.json["id"]) == (202, creation.request.json["id"])


def test_second_image_of_an_instance_is_a_conflict_while_one_is_created(creation: Creation) -> None:
    assert (creation.second.status, creation.second.json["code"]) == (409, "image_in_progress")


def test_delete_of_an_image_in_progress_is_a_conflict(creation: Creation) -> None:
    assert creation.early_delete.json["code"] == "image_not_ready"


def test_status_shows_when_secrets_are_removed_and_restored(creation: Creation) -> None:
    requested, sanitizing, pending = creation.progress
    assert requested == {
        "image_id": creation.request.json["id"],
        "started_at": creation.request.json["created_at"],
        "phase": "requested",
        "secrets_removed": False,
    }
    assert (sanitizing["phase"], sanitizing["secrets_removed"]) == ("sanitizing", True)
    assert (pending["phase"], pending["secrets_removed"]) == ("pending", False)


def test_sessions_that_need_secrets_are_refused_until_the_secrets_are_restored(creation: Creation) -> None:
    for kind in ("ssh", "jupyter", "jupyter_token"):
        refused = creation.sessions[kind]
        assert (refused.status, refused.json["code"]) == (409, "secrets_removed")
        for text in (
            "reboots for the image and creates new ones",
            "If they are still refused at 2026-",
            f"GET /images/{creation.request.json['id']}",
        ):
            assert text in refused.json["detail"]
    assert creation.sessions["shell"].status == 201
    assert [creation.restored[kind].status for kind in ("ssh", "jupyter_token")] == [201, 201]


def test_available_image_shows_its_contents_and_price(creation: Creation, ready: Bench) -> None:
    image = creation.image
    assert (image["name"], image["owner"], image["recipe"]) == ("vision-1", "ada", "jupyter")
    assert (image["region"], image["size_gib"]) == ("us-east-1", 99)
    assert (image["price_per_month"], image["age_days"]) == ("4.95", 0)
    assert image["ami_id"].startswith("ami-")
    documents = [installed["document"] for installed in image["installed_documents"]]
    assert documents == ["gpudesk-probe", "gpudesk-jupyter"]
    assert (image["secrets_removed"], image["added_recipes"], image["parameters"]["pip_index"]) == (False, [], "")
    assert ready.ada("GET", "/instances/brave-otter").json["status"]["image_creation"] is None


def test_image_is_visible_to_its_owner_and_to_admins_only(creation: Creation, ready: Bench) -> None:
    image = creation.image
    assert ready.ada("GET", "/images/vision-1").json == image, "a unique name refers to the image"
    assert ready.root("GET", "/images/vision-1").json == image, "an admin sees the images of all owners"
    assert ready.bob("GET", "/images/vision-1").status == 404
    assert [listed["id"] for listed in ready.ada("GET", "/images").json["items"]] == [image["id"]]
    assert [listed["id"] for listed in ready.root("GET", "/images").json["items"]] == [image["id"]]
    assert ready.bob("GET", "/images").json["items"] == []
    for method in ("GET", "DELETE"):
        answer = ready.bob(method, f"/images/{image['id']}")
        assert (answer.status, answer.json["code"]) == (404, "image_not_found")


@pytest.mark.parametrize("ref", ["VISION_1", "a%00b", "x" * 3000])
def test_image_with_an_impossible_name_is_not_found(ready: Bench, ref: str) -> None:
    answer = ready.ada("GET", f"/images/{ref}")
    assert (answer.status, answer.json["code"]) == (404, "image_not_found")


def test_launch_from_latest_uses_the_image_and_delete_is_a_conflict(creation: Creation, ready: Bench) -> None:
    image = creation.image
    launched = ready.ada("POST", "/instances", {"gpu": "T4", "image": "latest", "name": "quick-fox"})
    assert (launched.status, launched.json["spec"]["image"]) == (202, image["id"])
    (warning,) = (each for each in launched.json["warnings"] if each["code"] == "launched_from_image")
    assert "gpudesk skips unchanged documents of the image: gpudesk-jupyter. This saves about" in warning["message"]
    in_use = ready.ada("DELETE", f"/images/{image['id']}")
    assert (in_use.status, in_use.json["code"]) == (409, "in_use")
    ready.world.pass_minutes(3)


def test_launch_from_the_image_of_another_owner_is_rejected(creation: Creation, ready: Bench) -> None:
    answer = ready.bob("POST", "/instances", {"gpu": "T4", "image": creation.image["id"]})
    assert (answer.status, list(answer.field_errors)) == (422, ["image"])


def test_image_request_without_reboot_warns_of_inconsistent_files(creation: Creation, ready: Bench) -> None:
    request = ready.ada("POST", IMAGES, {"name": "vision-3", "no_reboot": True})
    assert request.status == 202
    codes = [warning["code"] for warning in request.json["warnings"]]
    assert "file_system_inconsistent" in codes
    assert "instance_reboots" not in codes
    wait_for_phase(ready, request.json["id"], "available")
    assert ready.ada("DELETE", f"/images/{request.json['id']}").json["warnings"] == []
    ready.world.pass_minutes(4)
    assert ready.ada("GET", f"/images/{request.json['id']}").status == 404


def test_delete_while_paused_is_recorded_and_done_when_the_mode_is_enforce(creation: Creation, ready: Bench) -> None:
    image = creation.image
    ready.world.pause()
    deleted = ready.ada("DELETE", "/images/vision-1")
    assert (deleted.status, deleted.json["phase"]) == (202, "deleting")
    assert deleted.json["warnings"] == [
        {
            "code": "desk_paused",
            "message": "gpudesk is paused. The deletion is recorded and starts when an admin ends the pause "
            "(PATCH /desk with mode enforce or dry_run).",
        }
    ]
    ready.root("PATCH", "/desk", {"mode": "enforce"})
    assert ready.ada("DELETE", f"/images/{image['id']}").json["warnings"] == []
    ready.world.pass_minutes(4)
    assert ready.ada("GET", f"/images/{image['id']}").status == 404
    assert ready.ada("GET", "/images").json["items"] == []
