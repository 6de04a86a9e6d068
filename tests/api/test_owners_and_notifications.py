"""An owner's policy and channels, the delivery log, and what GET says of activity, keeps and warnings."""

from typing import Any

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Acknowledgement
from tests.api.client import POLICY, Bench
from tests.support.world import MINUTE, machine_id


def test_an_owner_of_whom_nothing_is_set_has_the_desks(bench: Bench) -> None:
    shown = bench.ada("GET", "/owners/ada")
    assert shown.status == 200
    assert shown.json["idle_policy"] == {
        "idle_minutes": None,
        "warning_minutes": None,
        "signals": None,
        "thresholds": {},
    }
    assert shown.json["channels"] == {"email": None, "webhook": None}


def test_an_owners_policy_stands_between_the_desks_and_the_requests(bench: Bench) -> None:
    said = {"idle_policy": {"idle_minutes": 90, "thresholds": {"gpu_percent": 20}}, "max_hours": 30}
    assert bench.ada("PATCH", "/owners/ada", said).status == 200
    own = bench.ada("POST", "/instances", {"gpu": "T4"}).json["spec"]
    assert own["idle_policy"]["idle_minutes"] == 90
    assert own["idle_policy"]["thresholds"] == {**POLICY["thresholds"], "gpu_percent": 20}
    assert own["max_hours"] == 30
    asked = {"gpu": "T4", "idle_policy": {"idle_minutes": 20}, "max_hours": 5}
    asked_for = bench.ada("POST", "/instances", asked).json["spec"]
    assert (asked_for["idle_policy"]["idle_minutes"], asked_for["max_hours"]) == (20, 5)
    others = bench.bob("POST", "/instances", {"gpu": "T4"}).json["spec"]
    assert others["idle_policy"] == POLICY


def test_null_is_the_desks_again(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"idle_policy": {"idle_minutes": 90}, "max_hours": 30})
    answer = bench.ada("PATCH", "/owners/ada", {"idle_policy": None})
    assert answer.json["idle_policy"]["idle_minutes"] is None
    assert answer.json["max_hours"] == 30
    assert bench.ada("PATCH", "/owners/ada", {"max_hours": None}).json["max_hours"] is None


def test_a_default_that_exceeds_a_limit_of_today_is_cut_to_it_and_refuses_nothing(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"idle_policy": {"idle_minutes": 200}, "max_hours": 70})
    bounds = {"idle_minutes": 60, "max_hours": 24, "signals": ["gpu", "jupyter"]}
    assert bench.root("PATCH", "/desk", {"limits": bounds, "defaults": {"idle_policy": {"signals": ["gpu"]}}}).status
    answer = bench.ada("POST", "/instances", {"gpu": "T4"})
    assert answer.status == 202
    assert answer.json["spec"]["idle_policy"]["idle_minutes"] == 60
    assert answer.json["spec"]["max_hours"] == 24
    assert set(answer.json["spec"]["idle_policy"]["signals"]) <= {"gpu", "jupyter"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "body"),
        ({"idle_policy": {"idle_minutes": 9000}}, "idle_policy.idle_minutes"),
        ({"idle_policy": {"idle_minutes": 2}}, "idle_policy.idle_minutes"),
        ({"idle_policy": {"idle_minutes": 5, "warning_minutes": 6}}, "idle_policy.warning_minutes"),
        ({"idle_policy": {"signals": ["smoke"]}}, "idle_policy.signals"),
        ({"max_hours": 1000}, "max_hours"),
        ({"channels": None}, "channels"),
        ({"channels": {"email": "ada"}}, "channels.email"),
        ({"channels": {"email": "a@b.c\nBcc: d@e.f"}}, "channels.email"),
        ({"channels": {"webhook": "ftp://example.org/"}}, "channels.webhook"),
        ({"channels": {"webhook": "https://user:secret@example.org/"}}, "channels.webhook"),
        ({"channels": {"webhook": "https://example.org/\r\nX: y"}}, "channels.webhook"),
        ({"channels": {"slack": "#gpu"}}, "channels.slack"),
    ],
)
def test_what_cannot_be_set_is_named(bench: Bench, said: dict[str, Any], field: str) -> None:
    answer = bench.ada("PATCH", "/owners/ada", said)
    assert answer.status == 422
    assert field in answer.wrong
    assert bench.ada("GET", "/owners/ada").json["max_hours"] is None


def test_owners_see_and_set_their_own_admins_everybodys(bench: Bench) -> None:
    assert bench.bob("GET", "/owners/ada").status == 403
    assert bench.bob("PATCH", "/owners/ada", {"max_hours": 5}).status == 403
    assert bench.root("PATCH", "/owners/ada", {"max_hours": 5}).json["max_hours"] == 5
    assert bench.ada("GET", "/owners/ada").json["max_hours"] == 5
    assert bench.root("GET", "/owners/no%20body").status == 422


def test_a_webhooks_secret_is_shown_once_and_is_another_one_each_time(bench: Bench) -> None:
    hook = {"channels": {"webhook": "https://hooks.example.org/ada"}}
    first = bench.ada("PATCH", "/owners/ada", hook).json["webhook_secret"]
    assert first.startswith("whsec_")
    assert "webhook_secret" not in bench.ada("GET", "/owners/ada").json
    assert bench.ada("PATCH", "/owners/ada", {"max_hours": 5}).json["webhook_secret"] is None
    second = bench.ada("PATCH", "/owners/ada", hook).json["webhook_secret"]
    assert second != first
    gone = bench.ada("PATCH", "/owners/ada", {"channels": {"webhook": None}}).json
    assert (gone["webhook_secret"], gone["channels"]["webhook"]) == (None, None)


def test_the_admins_channels_are_for_admins_to_see(bench: Bench) -> None:
    hook = {"channels": {"webhook": "https://hooks.example.org/admins"}}
    assert bench.root("PATCH", "/desk", hook).json["webhook_secret"].startswith("whsec_")
    assert bench.root("GET", "/desk").json["channels"]["webhook"] == "https://hooks.example.org/admins"
    assert bench.ada("GET", "/desk").json["channels"] is None
    assert bench.ada("PATCH", "/desk", hook).status == 403


def test_everybody_can_see_why(bench: Bench) -> None:
    bench.world.activity["cpu"] = SignalState.ACTIVE
    instance = bench.world.ready(name="brave-otter")
    bench.world.minute(2)
    activity = bench.ada("GET", "/instances/brave-otter").json["status"]["activity"]
    assert activity["state"] == "busy"
    signals = {each["name"]: each for each in activity["signals"]}
    assert list(signals) == POLICY["signals"]
    assert signals["cpu"]["state"] == "active"
    assert signals["gpu"]["state"] == "quiet"
    assert all(signal["enabled"] for signal in signals.values())
    bench.world.activity["cpu"] = SignalState.QUIET
    assert instance


def test_a_keep_says_whether_the_machine_has_heard_of_it(bench: Bench) -> None:
    instance = bench.world.ready(name="brave-otter")
    bench.ada("POST", "/instances/brave-otter/keep", {"hours": 2})
    keep = bench.ada("GET", "/instances/brave-otter").json["status"]["keep"]
    assert keep["acknowledged_by_machine"] is False
    bench.world.heard = Acknowledgement(keep_until=bench.world.look(instance).lifetime.keep_until)
    bench.world.minute()
    keep = bench.ada("GET", "/instances/brave-otter").json["status"]["keep"]
    assert keep["acknowledged_by_machine"] is True
    bench.world.heard = Acknowledgement()


def test_the_delivery_log_is_there_for_the_owner(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"channels": {"webhook": "http://127.0.0.1:1/"}})
    instance = bench.world.warned(name="brave-otter")
    bench.world.minute(2)
    page = bench.ada("GET", "/instances/brave-otter/notifications?limit=1").json
    (notice,) = page["items"]
    assert notice["code"] == "idle_warning"
    (delivery,) = notice["deliveries"]
    assert (delivery["channel"], delivery["state"]) == ("owner.webhook", "pending")
    assert len(delivery["attempts"]) >= 2
    assert "refused" in delivery["attempts"][0]["detail"]
    warning = bench.ada("GET", "/instances/brave-otter").json["status"]["warning"]
    assert warning["delivered_channels"] == []
    assert warning["stop_by"] > warning["stop_at"] > warning["created_at"]
    assert (warning["type"], "Every signal has been quiet" in warning["message"]) == ("idle", True)
    assert bench.bob("GET", "/instances/brave-otter/notifications").status == 404
    assert bench.ada("GET", "/instances/brave-otter/notifications?cursor=nonsense").status == 422
    assert machine_id(instance)


def test_a_sweep_that_is_overdue_makes_the_desk_unwell(bench: Bench) -> None:
    bench.world.minute()
    assert bench.ada("GET", "/healthz").status == 200
    bench.world.clock.advance(11 * MINUTE)
    sick = bench.ada("GET", "/healthz")
    assert (sick.status, sick.json["status"]) == (503, "sweep_overdue")
    bench.world.minute()
    assert bench.ada("GET", "/healthz").json["status"] == "ok"
