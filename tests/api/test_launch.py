"""API tests of POST /instances: the answer, the calls that it makes, and repeated requests."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.instances.record import Phase
from tests.api.client import POLICY, Bench, Client
from tests.api.test_offers import store_offers

UNKNOWN_AT_FIRST = ("instance_id", "ec2_state", "zone", "activity", "warning", "keep", "lifetime_ends_at")


def test_launch_returns_the_instance_and_its_location(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter", "project": "vision"})
    launched = answer.json
    assert answer.status == 202
    assert answer.headers["location"] == f"/instances/{launched['id']}"
    assert answer.headers["content-type"] == "application/json"
    assert (launched["name"], launched["owner"], launched["desired"], launched["phase"]) == (
        "brave-otter",
        "ada",
        "running",
        "requested",
    )
    assert launched["spec"] == {
        "gpu": "T4",
        "gpu_count": 1,
        "instance_type": "g4dn.xlarge",
        "region": "us-east-1",
        "market": "on-demand",
        "resume_after_interruption": False,
        "recipe": "jupyter",
        "parameters": {"proxy": "", "apt_mirror": "", "pip_index": ""},
        "added_recipes": [],
        "image": None,
        "disk_gib": 99,
        "metadata_hop_limit": 1,
        "project": "vision",
        "tags": {"project": "vision"},
        "wait_for_quota": False,
        "idle_policy": POLICY,
        "max_hours": 12,
        "before_stop_hook": None,
    }
    assert {launched["status"][name] for name in UNKNOWN_AT_FIRST} == {None}
    assert launched["status"]["price_per_hour"] == "0.526"
    assert launched["status"]["created_at"] == f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    (warning,) = launched["warnings"]
    assert warning["code"] == "no_channel"
    assert warning["message"].startswith("No notification channel is configured for ada or the desk.")
    assert bench.ada("GET", answer.headers["location"]).json["name"] == "brave-otter"


def test_launch_on_spot_shows_the_market_and_its_price(bench: Bench) -> None:
    store_offers(bench)
    body = {"gpu": "T4", "market": "spot-or-on-demand", "resume_after_interruption": True}
    launched = bench.ada("POST", "/instances", body).json
    assert (launched["spec"]["market"], launched["spec"]["resume_after_interruption"]) == ("spot-or-on-demand", True)
    status = launched["status"]
    assert (status["market"], status["price_per_hour"], status["on_demand_price_per_hour"]) == (
        "spot",
        "0.1578",
        "0.526",
    )
    assert (status["interruption"], status["spot_instance_request_id"]) == (None, None)


@pytest.mark.parametrize("market", ["spot", "spot-or-on-demand"])
def test_maximum_price_of_a_launch_on_spot_is_compared_with_the_spot_price(bench: Bench, market: str) -> None:
    store_offers(bench)
    body = {"gpu": "T4", "market": market}
    assert bench.ada("POST", "/instances", body | {"max_price": "0.20"}).status == 202
    refused = bench.ada("POST", "/instances", body | {"max_price": "0.10"})
    assert refused.status == 422
    assert "the lowest known price of g4dn.xlarge on spot, in us-" in refused.field_errors["max_price"]
    least = refused.field_errors["max_price"].partition("$")[2].partition(",")[0]
    accepted = bench.ada("POST", "/instances", body | {"max_price": least})
    assert accepted.status == 202
    warnings = [warning["code"] for warning in accepted.json["warnings"]]
    assert ("no_fallback" in warnings) is (market == "spot-or-on-demand")


def test_status_of_a_launch_shows_its_maximum_price_its_wait_and_its_tries(bench: Bench) -> None:
    until = bench.world.now + timedelta(days=1)
    body = {"gpu": "T4", "max_price": "0.75", "wait_until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    answer = bench.ada("POST", "/instances", body)
    assert answer.status == 202
    launch = answer.json["status"]["launch"]
    assert launch == {
        "tries": [],
        "next": None,
        "waits_for": None,
        "max_price": "0.75",
        "wait_until": body["wait_until"],
        "next_try_at": None,
    }
    bench.world.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    bench.world.pass_minutes(1)
    tries = bench.ada("GET", answer.headers["location"]).json["status"]["launch"]["tries"]
    assert [(each["zone"], each["result"]) for each in tries] == [
        ("us-east-1a", "no_capacity"),
        ("us-east-1b", "launched"),
    ]
    assert {
        name: tries[0][name] for name in ("instance_type", "region", "market", "price_per_hour", "price_ratio")
    } == {
        "instance_type": "g4dn.xlarge",
        "region": "us-east-1",
        "market": "on-demand",
        "price_per_hour": "0.526",
        "price_ratio": "1.000",
    }
    assert tries[0]["message"].startswith("We currently do not have sufficient g4dn.xlarge capacity")


def test_launch_reads_five_items_and_writes_one_transaction(bench: Bench) -> None:
    before = bench.world.cloud.calls.copy()
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).status == 202
    token, idempotency_record, settings, owner = 1, 1, 1, 1
    reads = token + idempotency_record + settings + owner
    calls = bench.world.cloud.count_calls_since(before)
    quotas = {"dynamodb:BatchGetItem": 1}
    assert calls == {"dynamodb:GetItem": reads, **quotas, "dynamodb:TransactWriteItems": 1}, "no call to EC2 or SSM"


def test_launch_with_every_field_stores_every_field(bench: Bench) -> None:
    body = {
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
    answer = bench.root("POST", "/instances", body)
    assert answer.status == 202
    assert answer.json["owner"] == "ada"
    assert answer.json["status"]["created_by"] == "root"
    spec = answer.json["spec"]
    assert spec["tags"] == {"team": "red", "project": "vision"}
    unchanged = ("instance_type", "recipe", "disk_gib", "idle_policy", "max_hours")
    assert {name: spec[name] for name in unchanged} == {name: body[name] for name in unchanged}


def test_repeated_key_returns_the_same_instance(bench: Bench) -> None:
    key = {"Idempotency-Key": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
    first = bench.ada("POST", "/instances", {"gpu": "T4", "disk_gib": 100}, headers=key)
    bench.world.clock.advance(timedelta(hours=2))
    again = bench.ada("POST", "/instances", raw=b' {"disk_gib":100, "gpu" : "T4", "name":null}', headers=key)
    assert (first.status, again.status) == (202, 202)
    assert again.headers["location"] == first.headers["location"]
    assert again.json["warnings"] == first.json["warnings"]
    assert count_instances(bench.ada) == 1


def test_repeated_key_with_another_body_is_rejected(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    bench.ada("POST", "/instances", {"gpu": "T4"}, headers=key)
    answer = bench.ada("POST", "/instances", {"gpu": "L4"}, headers=key)
    assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")
    assert "Idempotency-Key" in answer.field_errors
    assert count_instances(bench.ada) == 1


def test_same_key_of_another_owner_creates_another_instance(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    ids = {each("POST", "/instances", {"gpu": "T4"}, headers=key).json["id"] for each in (bench.ada, bench.bob)}
    assert len(ids) == 2


def test_same_key_at_the_same_time_creates_one_instance(bench: Bench) -> None:
    def launch(_: int) -> tuple[int, str]:
        client = bench.create_client(bench.tokens["ada"])
        answer = client("POST", "/instances", {"gpu": "T4"}, headers={"Idempotency-Key": "at-once"})
        return answer.status, answer.json["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(launch, range(8)))
    assert [status for status, _ in answers] == [202]
    assert count_instances(bench.ada) == 1


def test_identical_launch_within_two_minutes_returns_the_first_instance_with_a_warning(bench: Bench) -> None:
    first = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    bench.world.clock.advance(timedelta(seconds=40))
    again = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    assert again["id"] == first["id"]
    assert [each["code"] for each in again["warnings"]] == ["duplicate_request", "no_channel"]
    assert "40 s ago" in again["warnings"][0]["message"]
    assert "Idempotency-Key" in again["warnings"][0]["message"]
    bench.world.clock.advance(timedelta(minutes=2))
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).json["id"] != first["id"]


def test_launch_of_a_bot_for_an_owner_is_identical_to_the_owners_launch(bench: Bench) -> None:
    first = bench.slack("POST", "/instances", {"gpu": "T4", "owner": "ada"}).json
    again = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    assert again["id"] == first["id"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "caf\xe9"])
def test_invalid_idempotency_key_is_rejected(bench: Bench, key: str) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4"}, headers={"Idempotency-Key": key})
    assert (answer.status, list(answer.field_errors)) == (422, ["Idempotency-Key"])


def test_name_of_an_active_instance_is_in_use(bench: Bench) -> None:
    bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter"})
    answer = bench.bob("POST", "/instances", {"gpu": "L4", "name": "brave-otter"})
    assert (answer.status, answer.json["code"], list(answer.field_errors)) == (409, "name_taken", ["name"])


def test_launch_beyond_the_limit_of_the_owner_is_refused(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"limits": {"instances_per_owner": 2}})
    bodies: list[Any] = [{"gpu": "T4", "max_hours": hours} for hours in (1, 2, 3)]
    answers = [bench.ada("POST", "/instances", body) for body in bodies]
    assert [answer.status for answer in answers] == [202, 202, 409]
    assert answers[-1].json["code"] == "limit_reached"


def test_launch_while_paused_is_refused(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"mode": "paused"})
    answer = bench.ada("POST", "/instances", {"gpu": "T4"})
    assert (answer.status, answer.json["code"]) == (409, "desk_paused")


def count_instances(client: Client) -> int:
    return len(client("GET", "/instances").json["items"])


def test_launch_with_channel_has_no_channel_warning(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"channels": {"webhook": "https://hooks.example.org/gpu"}})
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).json["warnings"] == []


def test_limit_reached_names_the_count_of_instances_and_the_limit(bench: Bench) -> None:
    for hours in (1, 2, 3):
        bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": hours})
    bench.root("PATCH", "/desk", {"limits": {"instances_per_owner": 1}})
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 4})
    assert answer.status == 409
    assert answer.json["detail"] == (
        "ada has 3 instances that are not terminated; the limit is 1. Terminate instances first. Launches that failed "
        "are not counted."
    )


def test_failed_launch_does_not_count_for_the_limit(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"limits": {"instances_per_owner": 1}})
    world = bench.world
    world.cloud.faults.inject("RunInstances", "UnauthorizedOperation", "no", status=403)
    failed = world.wait_for_phase(world.launch(), Phase.FAILED)
    assert bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 1}).status == 202
    bench.ada("DELETE", f"/instances/{failed.id}")
    world.wait_for_phase(failed, Phase.TERMINATED)
    assert bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 2}).status == 409, "the failed one counts once"


def test_type_that_no_zone_of_the_region_offers_is_refused(bench: Bench) -> None:
    store_offers(bench)
    answer = bench.ada("POST", "/instances", {"instance_type": "g4ad.xlarge", "region": "us-east-1"})
    assert answer.status == 422
    message = "no zone of us-east-1 offers g4ad.xlarge; no region in which gpudesk can launch offers it"
    assert answer.field_errors == {"instance_type": message}
