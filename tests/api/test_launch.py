"""POST /instances: what comes back, what it costs in calls, and that asking twice gets one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.api.client import POLICY, Bench, Client

NOT_KNOWN_YET = ("instance_id", "ec2_state", "zone", "activity", "warning", "keep", "lifetime_ends_at")


def test_asking_is_answered_at_once_with_the_instance_and_where_to_look(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter", "project": "vision"})
    asked = answer.json
    assert answer.status == 202
    assert answer.headers["location"] == f"/instances/{asked['id']}"
    assert answer.headers["content-type"] == "application/json"
    assert (asked["name"], asked["owner"], asked["desired"], asked["phase"]) == (
        "brave-otter",
        "ada",
        "running",
        "requested",
    )
    assert asked["spec"] == {
        "gpu": "T4",
        "gpu_count": 1,
        "instance_type": "g4dn.xlarge",
        "region": "us-east-1",
        "market": "on-demand",
        "recipe": "jupyter",
        "parameters": {"proxy": "", "apt_mirror": "", "pip_index": ""},
        "added_recipes": [],
        "image": None,
        "disk_gib": 64,
        "project": "vision",
        "tags": {"project": "vision"},
        "idle_policy": POLICY,
        "max_hours": 12,
    }
    assert {asked["status"][name] for name in NOT_KNOWN_YET} == {None}
    assert asked["status"]["price_per_hour"] == "0.526"
    assert asked["status"]["created_at"] == f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    (warning,) = asked["warnings"]
    assert warning["code"] == "no_channel"
    assert warning["message"].startswith("No notification channel is configured for ada or the desk.")
    assert bench.ada("GET", answer.headers["location"]).json["name"] == "brave-otter"


def test_launch_reads_four_items_and_writes_one_transaction(bench: Bench) -> None:
    before = bench.world.cloud.calls.copy()
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).status == 202
    token, idempotency_record, settings, owner, idempotency_record_again = 1, 1, 1, 1, 1
    reads = token + idempotency_record + settings + owner + idempotency_record_again
    calls = bench.world.cloud.calls_of(before)
    assert calls == {"dynamodb:GetItem": reads, "dynamodb:TransactWriteItems": 1}, "and neither EC2 nor SSM is called"


def test_everything_that_can_be_said_is_taken(bench: Bench) -> None:
    said = {
        "gpu": "A10G",
        "gpu_count": 1,
        "instance_type": "g5.2xlarge",
        "region": "us-east-1",
        "market": "on-demand",
        "recipe": "bare",
        "image": None,
        "disk_gib": 100,
        "name": "calm-heron",
        "owner": "ada",
        "project": "vision",
        "tags": {"team": "red"},
        "idle_policy": {
            "idle_minutes": 60,
            "warning_minutes": 15,
            "signals": ["gpu", "sessions"],
            "thresholds": {
                "gpu_percent": 10,
                "cpu_core_percent": 50,
                "disk_kib_per_second": 4096,
                "network_kib_per_second": 500,
            },
        },
        "max_hours": 24,
    }
    answer = bench.root("POST", "/instances", said)
    assert answer.status == 202
    assert answer.json["owner"] == "ada"
    assert answer.json["status"]["created_by"] == "root"
    spec = answer.json["spec"]
    assert spec["tags"] == {"team": "red", "project": "vision"}
    told = ("instance_type", "recipe", "disk_gib", "idle_policy", "max_hours")
    assert {name: spec[name] for name in told} == {name: said[name] for name in told}


def test_the_same_key_gets_the_same_instance(bench: Bench) -> None:
    key = {"Idempotency-Key": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
    first = bench.ada("POST", "/instances", {"gpu": "T4", "disk_gib": 100}, headers=key)
    bench.world.clock.advance(timedelta(hours=2))
    again = bench.ada("POST", "/instances", raw=b' {"disk_gib":100, "gpu" : "T4", "name":null}', headers=key)
    assert (first.status, again.status) == (202, 202)
    assert again.headers["location"] == first.headers["location"]
    assert again.json["warnings"] == first.json["warnings"]
    assert count(bench.ada) == 1


def test_the_same_key_with_another_body_is_a_mistake(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    bench.ada("POST", "/instances", {"gpu": "T4"}, headers=key)
    answer = bench.ada("POST", "/instances", {"gpu": "L4"}, headers=key)
    assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")
    assert "Idempotency-Key" in answer.field_errors
    assert count(bench.ada) == 1


def test_the_same_key_of_another_person_is_another_key(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    ids = {each("POST", "/instances", {"gpu": "T4"}, headers=key).json["id"] for each in (bench.ada, bench.bob)}
    assert len(ids) == 2


def test_the_same_key_at_the_same_time_gets_one_instance(bench: Bench) -> None:
    def ask(_: int) -> tuple[int, str]:
        client = bench.stranger(bench.tokens["ada"])
        answer = client("POST", "/instances", {"gpu": "T4"}, headers={"Idempotency-Key": "at-once"})
        return answer.status, answer.json["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    assert [status for status, _ in answers] == [202]
    assert count(bench.ada) == 1


def test_the_same_wish_within_two_minutes_is_answered_with_the_first_and_says_so(bench: Bench) -> None:
    first = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    bench.world.clock.advance(timedelta(seconds=40))
    again = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    assert again["id"] == first["id"]
    assert [each["code"] for each in again["warnings"]] == ["duplicate_request", "no_channel"]
    assert "40 s ago" in again["warnings"][0]["message"]
    assert "Idempotency-Key" in again["warnings"][0]["message"]
    bench.world.clock.advance(timedelta(minutes=2))
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).json["id"] != first["id"]


def test_a_wish_is_the_same_whether_a_bot_passes_it_on_or_not(bench: Bench) -> None:
    first = bench.slack("POST", "/instances", {"gpu": "T4", "owner": "ada"}).json
    again = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    assert again["id"] == first["id"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "caf\xe9"])
def test_a_key_that_is_no_key_is_refused(bench: Bench, key: str) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4"}, headers={"Idempotency-Key": key})
    assert (answer.status, list(answer.field_errors)) == (422, ["Idempotency-Key"])


def test_a_name_that_lives_is_taken(bench: Bench) -> None:
    bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter"})
    answer = bench.bob("POST", "/instances", {"gpu": "L4", "name": "brave-otter"})
    assert (answer.status, answer.json["code"], list(answer.field_errors)) == (409, "name_taken", ["name"])


def test_nobody_gets_more_than_the_limit(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"limits": {"instances_per_owner": 2}})
    wishes: list[Any] = [{"gpu": "T4", "max_hours": hours} for hours in (1, 2, 3)]
    answers = [bench.ada("POST", "/instances", wish) for wish in wishes]
    assert [answer.status for answer in answers] == [202, 202, 409]
    assert answers[-1].json["code"] == "limit_reached"


def test_a_paused_desk_launches_nothing(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"mode": "paused"})
    answer = bench.ada("POST", "/instances", {"gpu": "T4"})
    assert (answer.status, answer.json["code"]) == (409, "desk_paused")


def count(client: Client) -> int:
    return len(client("GET", "/instances").json["items"])


def test_a_table_that_is_overloaded_is_a_503_with_when_to_come_again(bench: Bench) -> None:
    bench.world.cloud.faults.inject("Query", "ProvisionedThroughputExceededException", times=50, status=400)
    answer = bench.ada("GET", "/instances")
    assert (answer.status, answer.json["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "5"


def test_a_table_that_does_not_answer_is_a_503_too(bench: Bench) -> None:
    bench.world.cloud.faults.drop_response("Query")
    answer = bench.ada("GET", "/instances")
    assert (answer.status, answer.json["code"]) == (503, "overloaded")


def test_launch_with_channel_has_no_channel_warning(bench: Bench) -> None:
    bench.world.email("ada", "ada@example.org")
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).json["warnings"] == []
