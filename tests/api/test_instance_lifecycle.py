"""Read, keep, update, stop, start and terminate an existing instance; lists and references."""

from datetime import timedelta

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.desk.settings import PAUSE_END
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.region_capacity import CapacityAnswer, CapacityKey
from local.ports import find_free_port
from tests.api.client import POLICY, Bench

HOUR = timedelta(hours=1)


def test_ready_instance_can_be_read_connected_to_stopped_and_started(bench: Bench) -> None:
    bench.world.launch_until_ready(name="brave-otter")
    bench.world.pass_minutes(2)
    instance = bench.ada("GET", "/instances/brave-otter").json
    status = instance["status"]
    assert instance["phase"] == "ready"
    assert status["instance_id"].startswith("i-")
    assert (status["ec2_state"], status["zone"][:-1], status["market"]) == ("running", "us-east-1", "on-demand")
    assert status["setup"]["document"] is None
    assert (status["setup"]["document_index"], status["setup"]["document_count"]) == (2, 2)
    assert [result["document"] for result in status["setup"]["results"]] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert status["activity"]["state"] == "quiet"
    assert "of 30 min" in status["activity"]["message"]
    assert 0 < float(status["cost_so_far"]) < 0.526
    assert status["lifetime_ends_at"].endswith("Z")
    assert bench.ada("GET", f"/instances/{instance['id']}").json["id"] == instance["id"]

    connect = bench.ada("GET", "/instances/brave-otter/connect").json["commands"]
    assert "portNumber=8888,localPortNumber=8889" in connect[0]["command"]
    assert "AWS-StartNonInteractiveCommand --parameters command=gpudesk-history |" in connect[-1]["command"]
    assert all(status["instance_id"] in each["command"] for each in connect)

    session = bench.ada("POST", "/instances/brave-otter/sessions", {"kind": "jupyter", "local_port": find_free_port()})
    assert session.status == 201
    assert session.json["kind"] == "jupyter"
    assert all(session.json[name] for name in ("session_id", "stream_url", "token"))
    assert session.headers["cache-control"] == "no-store"
    last = bench.ada("GET", "/instances/brave-otter/timeline").json["items"][-1]
    assert last["code"] == "session_requested"
    assert session.json["token"] not in str(last)

    key = CapacityKey("g4dn.xlarge", status["zone"], Market.ON_DEMAND)
    refusal = CapacityAnswer(id="1", region="us-east-1", key=key, result=Result.REFUSED, at=bench.world.clock.now())
    bench.world.application.reconciler.stores.capacity.add(refusal)
    stopped = bench.ada("POST", "/instances/brave-otter/stop")
    assert (stopped.status, stopped.json["desired"], stopped.json["warnings"]) == (202, "stopped", [])
    consequences = [consequence["code"] for consequence in stopped.json["consequences"]]
    assert consequences == ["disk_billed", "instance_store_deleted", "address_changes", "start_may_be_refused"]
    assert stopped.headers["location"] == f"/instances/{instance['id']}"
    late = bench.ada("POST", "/instances/brave-otter/keep", {"hours": 1})
    assert (late.status, late.json["code"]) == (409, "stop_already_started")
    started = bench.ada("POST", "/instances/brave-otter/start")
    assert (started.status, started.json["desired"]) == (202, "running")


def test_termination_while_paused_is_accepted_with_a_warning(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    bench.world.pause()
    ended = bench.ada("DELETE", "/instances/brave-otter")
    assert (ended.status, ended.json["desired"]) == (202, "terminated")
    message = f"gpudesk is paused. The termination is recorded and starts when {PAUSE_END}."
    assert ended.json["warnings"] == [{"code": "desk_paused", "message": message}]
    assert bench.ada("DELETE", "/instances/brave-otter").json["warnings"] == ended.json["warnings"], (
        "a repeated request has the same warning"
    )


def test_costs_include_running_instances(bench: Bench) -> None:
    instance = bench.world.launch_until_ready(name="brave-otter")
    bench.world.pass_minutes(3)
    costs = bench.ada("GET", f"/costs?since={bench.world.now.date()}").json
    assert costs["items"][0]["owner"] == "ada"
    assert float(costs["total"]) > 0
    assert costs["total"] == costs["items"][0]["total"]
    assert bench.bob("GET", "/costs").json["items"] == []
    for group_by, field, value in (("project", "project", None), ("instance", "instance_id", instance.id)):
        (item,) = bench.ada("GET", f"/costs?since={bench.world.now.date()}&group_by={group_by}").json["items"]
        assert (item[field], item["total"]) == (value, costs["total"])
    assert bench.ada("GET", f"/costs?instance={instance.name}").json["total"] == costs["total"]
    assert bench.ada("GET", "/costs?project=vision").json["items"] == []
    assert list(bench.ada("GET", "/costs?group_by=team").field_errors) == ["group_by"]


def test_keep_returns_its_end_and_requester(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    kept = bench.ada("POST", "/instances/brave-otter/keep", {"hours": 1.5})
    until = f"{bench.world.now + 1.5 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert (kept.status, kept.json["status"]["keep"]) == (
        202,
        {"until": until, "requested_by": "ada", "acknowledged_by_machine": False},
    )
    words = f"brave-otter is kept until {bench.world.now + 1.5 * HOUR:%Y-%m-%d %H:%M} UTC, requested by ada."
    assert (kept.json["reason"], kept.json["warnings"]) == ({"code": "keep_granted", "message": words}, [])
    later = bench.world.now + 3 * HOUR
    assert bench.ada("POST", "/instances/brave-otter/keep", {"until": later.isoformat()}).status == 202
    shorter = bench.slack("POST", "/instances/brave-otter/keep?owner=ada", {"hours": 2}).json
    assert f"kept until {later:%Y-%m-%d %H:%M} UTC, requested by ada." in shorter["reason"]["message"]
    longest = bench.slack("POST", "/instances/brave-otter/keep?owner=ada", {"hours": 4}).json
    assert longest["status"]["keep"]["requested_by"] == "slack for ada"


def test_policy_update_changes_only_the_fields_in_the_body(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    body = {"idle_minutes": 45, "signals": ["hold", "gpu"], "thresholds": {"cpu_core_percent": 80}}
    answer = bench.ada("PATCH", "/instances/brave-otter", {"idle_policy": body, "max_hours": 20})
    assert answer.status == 200
    assert answer.json["spec"]["idle_policy"] == {
        "idle_minutes": 45,
        "warning_minutes": 10,
        "signals": ["gpu", "hold"],
        "thresholds": {**POLICY["thresholds"], "cpu_core_percent": 80},
    }
    assert answer.json["spec"]["max_hours"] == 20


@pytest.mark.parametrize("body", [{"max_hours": None}, {"idle_policy": None}, {}, {"max_hours": 1000}, {"name": "x"}])
def test_policy_update_with_null_or_wrong_field_is_rejected(bench: Bench, body: dict[str, object]) -> None:
    bench.world.launch(name="brave-otter")
    assert bench.ada("PATCH", "/instances/brave-otter", body).status == 422
    assert bench.ada("GET", "/instances/brave-otter").json["spec"]["max_hours"] == 12


def test_termination_can_be_requested_twice(bench: Bench) -> None:
    instance = bench.world.launch(name="brave-otter")
    for _ in range(2):
        answer = bench.ada("DELETE", f"/instances/{instance.id}")
        assert (answer.status, answer.json["desired"]) == (202, "terminated")
        assert answer.headers["location"] == f"/instances/{instance.id}"


def test_request_that_the_state_does_not_allow_is_a_conflict_with_a_remedy(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    stop = bench.ada("POST", "/instances/brave-otter/stop")
    assert (stop.status, stop.json["code"]) == (409, "not_launched")
    assert "DELETE /instances/brave-otter" in stop.json["detail"]
    connect = bench.ada("GET", "/instances/brave-otter/connect")
    assert (connect.status, connect.json["code"]) == (409, "not_running")


@pytest.mark.parametrize("ref", ["i-0000000000000000f", "%2e%2e", "a%00b", "UPPER", "x" * 3000, "%F0%9F%98%80", "..;"])
def test_unknown_instance_reference_is_not_found(bench: Bench, ref: str) -> None:
    answer = bench.ada("GET", f"/instances/{ref}")
    assert (answer.status, answer.json["code"]) == (404, "instance_not_found")


def test_impossible_instance_reference_is_rejected_without_a_read(bench: Bench) -> None:
    before = bench.world.cloud.calls.copy()
    bench.ada("GET", f"/instances/{'x' * 3000}")
    assert bench.world.cloud.count_calls_since(before) == {"dynamodb:GetItem": 1}, "only the token is read"


def test_percent_encoded_instance_reference_is_decoded(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    assert bench.ada("GET", "/instances/brave%2Dotter").status == 200


def test_instances_are_paged_newest_first_without_gaps(bench: Bench) -> None:
    names = [f"otter-{number}" for number in range(5)]
    for name in names:
        bench.world.launch(name=name)
        bench.world.clock.advance(timedelta(seconds=1))
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = bench.ada("GET", f"/instances?limit=2{cursor}").json
        found += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        pages += 1
    assert (found, pages) == (names[::-1], 3)


def test_cursor_is_accepted_by_its_own_list_only(bench: Bench) -> None:
    for name in ("otter-1", "otter-2"):
        bench.world.launch(name=name)
    cursor = bench.ada("GET", "/instances?limit=1").json["next_cursor"]
    assert bench.ada("GET", f"/instances?cursor={cursor}").status == 200
    assert bench.bob("GET", f"/instances?cursor={cursor}").status == 422
    assert bench.ada("GET", f"/instances/otter-1/timeline?cursor={cursor}").status == 422


def test_timeline_is_paged_oldest_first(bench: Bench) -> None:
    bench.world.launch(name="brave-otter")
    bench.ada("PATCH", "/instances/brave-otter", {"max_hours": 5})
    first = bench.ada("GET", "/instances/brave-otter/timeline?limit=1").json
    assert [line["code"] for line in first["items"]] == ["requested"]
    assert first["items"][0]["actor"] == "ada"
    rest = bench.ada("GET", f"/instances/brave-otter/timeline?cursor={first['next_cursor']}").json
    assert [line["code"] for line in rest["items"]] == ["policy_changed"]
    assert rest["next_cursor"] is None


def test_session_on_an_instance_that_does_not_run_is_a_conflict_with_a_possible_remedy(bench: Bench) -> None:
    instance = bench.world.launch(name="brave-otter")
    sessions, shell = f"/instances/{instance.id}/sessions", {"kind": "shell"}
    early = bench.ada("POST", sessions, shell)
    assert (early.status, early.json["code"]) == (409, "not_running")
    assert early.json["detail"] == "brave-otter is being launched. Connect to it when it is ready."
    bench.ada("DELETE", f"/instances/{instance.id}")
    bench.world.pass_minutes(2)
    ended = bench.ada("POST", sessions, shell)
    assert (ended.status, ended.json["code"]) == (409, "instance_terminated")
    assert ended.json["detail"] == "brave-otter is terminated. It cannot be connected to."


def test_reason_of_an_answer_is_about_the_request(bench: Bench) -> None:
    instance = bench.world.launch_until_ready(name="brave-otter")
    path = f"/instances/{instance.id}"
    answers = [bench.ada("POST", f"{path}/start"), bench.ada("POST", f"{path}/stop")]
    bench.world.pass_minutes(4)
    answers += [bench.ada("POST", f"{path}/stop"), bench.ada("POST", f"{path}/start")]
    answers += [bench.ada("DELETE", path)]
    bench.world.pass_minutes(4)
    answers += [bench.ada("DELETE", path)]
    assert [(answer.status, answer.json["reason"]["code"], answer.json["reason"]["message"]) for answer in answers] == [
        (202, "no_change", "brave-otter is ready. The request changes nothing."),
        (202, "stop_requested", "brave-otter will be stopped. Its root disk stays and is billed."),
        (202, "no_change", "brave-otter is stopped. The request changes nothing."),
        (202, "start_requested", "brave-otter will be started."),
        (202, "terminate_requested", "brave-otter will be terminated. Its disk is deleted."),
        (202, "no_change", "brave-otter is terminated. The request changes nothing."),
    ]


def test_dry_run_is_named_at_launch_at_start_and_when_ready(bench: Bench) -> None:
    bench.root("PATCH", "/desk", {"mode": "dry_run"})
    launched = bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter"}).json
    assert [warning["code"] for warning in launched["warnings"]] == ["dry_run", "no_channel"]
    assert "it stops no instance on its own until an admin sets mode to enforce" in launched["warnings"][0]["message"]
    bench.world.pass_minutes(10)
    ready = bench.ada("GET", "/instances/brave-otter/timeline").json["items"][-1]
    assert ready["code"] == "ready"
    assert "gpudesk only does a dry run: it does not stop brave-otter on its own" in ready["message"]
    assert "sends a warning" not in ready["message"]
    again = bench.ada("POST", "/instances/brave-otter/start")
    assert [warning["code"] for warning in again.json["warnings"]] == ["dry_run"]


def test_name_of_terminated_instances_leads_to_the_newest(bench: Bench) -> None:
    ids = []
    for _ in range(2):
        ids.append(bench.world.launch(name="brave-otter").id)
        bench.ada("DELETE", "/instances/brave-otter")
        bench.world.pass_minutes(2)
    for client, query in ((bench.ada, ""), (bench.root, ""), (bench.root, "?owner=ada"), (bench.slack, "?owner=ada")):
        assert client("GET", f"/instances/brave-otter{query}").json["id"] == ids[-1]
    assert bench.ada("GET", "/instances/brave-otter/timeline").json["items"][-1]["code"] == "cancelled"
    assert bench.bob("GET", "/instances/brave-otter").status == 404
    assert bench.root("GET", "/instances/brave-otter?owner=bob").status == 404
    active = bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter"}).json["id"]
    assert bench.ada("GET", "/instances/brave-otter").json["id"] == active


def test_name_that_another_owner_uses_now_leads_to_own_terminated_instance(bench: Bench) -> None:
    own = bench.world.launch(name="brave-otter").id
    bench.ada("DELETE", "/instances/brave-otter")
    bench.world.pass_minutes(2)
    foreign = bench.bob("POST", "/instances", {"gpu": "T4", "name": "brave-otter"}).json["id"]
    found = [
        client("GET", f"/instances/brave-otter{query}").json["id"]
        for client, query in ((bench.ada, ""), (bench.bob, ""), (bench.root, ""), (bench.root, "?owner=ada"))
    ]
    assert found == [own, foreign, foreign, own]


def test_unknown_name_is_looked_up_without_reading_a_list(bench: Bench) -> None:
    before = bench.world.cloud.calls.copy()
    assert bench.ada("GET", "/instances/brave-otter").status == 404
    token, record, name, former_name = 1, 1, 1, 1
    calls = bench.world.cloud.count_calls_since(before)
    assert calls == {"dynamodb:GetItem": token + record + name + former_name}


def test_details_of_the_timeline_have_snake_case_names_and_utc_times(bench: Bench) -> None:
    instance = bench.world.launch_until_warned(name="brave-otter")
    bench.ada("POST", f"/instances/{instance.id}/keep", {"hours": 1})
    items = bench.ada("GET", f"/instances/{instance.id}/timeline?limit=100").json["items"]
    details = [pair for item in items for pair in item["details"].items()]
    assert {"until", "stop_at"} <= {name for name, _ in details}
    for name, value in details:
        assert name == name.lower()
        assert "+00:00" not in value
    bench.ada("POST", f"/instances/{instance.id}/stop")
    bench.world.pass_minutes(4)
    bench.ada("POST", f"/instances/{instance.id}/start")
    bench.world.pass_minutes()
    items = bench.ada("GET", f"/instances/{instance.id}/timeline?limit=100").json["items"]
    codes = {item["code"]: item["details"].get("reason_code") for item in items}
    assert (codes["stop_initiated"], codes["start_initiated"]) == ("stop_requested", "start_requested")


def test_start_waits_for_capacity_and_then_starts_in_another_size(bench: Bench) -> None:
    world = bench.world
    world.launch_until_stopped(name="brave-otter")
    zone = bench.ada("GET", "/instances/brave-otter").json["status"]["zone"]
    offered = {"g4dn.xlarge": TypeOffering(spot={zone: None}), "g4dn.2xlarge": TypeOffering(spot={zone: None})}
    offerings = RegionOfferings(region="us-east-1", read_at=world.clock.now(), types=offered)
    world.application.reconciler.stores.offers.save(offerings)
    world.cloud.capacity.set("g4dn.xlarge", zone, 0)
    too_late = (world.clock.now() + 8 * 24 * HOUR).isoformat()
    refused = bench.ada("POST", "/instances/brave-otter/start", {"wait_until": too_late})
    assert refused.json["errors"][0]["field"] == "wait_until"
    arm = bench.ada("POST", "/instances/brave-otter/start", {"instance_type": "g5g.xlarge"})
    assert arm.status == 422
    assert {"field": "instance_type", "message": "g5g.xlarge is arm64, and the disk is x86_64"} in arm.json["errors"]

    until = (world.clock.now() + 48 * HOUR).isoformat()
    started = bench.ada("POST", "/instances/brave-otter/start", {"wait_until": until})
    assert (started.status, started.json["status"]["start"]["waiting_since"]) == (202, None)
    world.pass_minutes(2)
    waiting = bench.ada("GET", "/instances/brave-otter").json
    start = waiting["status"]["start"]
    assert (waiting["phase"], waiting["reason"]["code"]) == ("booting", "start_waiting")
    assert start["waiting_since"] < start["next_try_at"] < start["wait_until"] == until[:19] + "Z"
    assert start["other_sizes"][0]["instance_type"] == "g4dn.2xlarge"
    image = bench.ada("POST", "/instances/brave-otter/images", {"name": "mine"})
    assert (image.status, image.json["code"]) == (409, "not_ready")
    assert "move" in image.json["detail"]

    other = bench.ada("POST", "/instances/brave-otter/start", {"instance_type": "g4dn.2xlarge"})
    assert (other.status, other.json["status"]["start"]["instance_type"]) == (202, "g4dn.2xlarge")
    world.pass_minutes(8, sweep_every=2)
    ready = bench.ada("GET", "/instances/brave-otter").json
    assert (ready["phase"], ready["spec"]["instance_type"], ready["status"]["start"]) == ("ready", "g4dn.2xlarge", None)
