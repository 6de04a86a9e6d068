"""An owner's policy and channels, the delivery log, and activity, keeps and warnings in the status."""

from typing import Any

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import Acknowledgement
from tests.api.client import POLICY, Bench
from tests.support.world import MINUTE, get_ec2_id


def test_owner_without_settings_has_the_desk_defaults(bench: Bench) -> None:
    answer = bench.ada("GET", "/owners/ada")
    assert answer.status == 200
    assert answer.json["idle_policy"] == {
        "idle_minutes": None,
        "warning_minutes": None,
        "signals": None,
        "thresholds": {},
    }
    assert answer.json["channels"] == {"email": None, "webhook": None}
    assert answer.json["email_state"] is None
    with_address = bench.ada("PATCH", "/owners/ada", {"channels": {"email": "ada@example.org"}})
    assert with_address.json["email_state"] == "pending"
    assert bench.ada("GET", "/owners/ada").json["email_state"] == "pending"


def test_launch_policy_comes_from_request_then_owner_then_desk(bench: Bench) -> None:
    body = {"idle_policy": {"idle_minutes": 90, "thresholds": {"gpu_percent": 20}}, "max_hours": 30}
    assert bench.ada("PATCH", "/owners/ada", body).status == 200
    own = bench.ada("POST", "/instances", {"gpu": "T4"}).json["spec"]
    assert own["idle_policy"]["idle_minutes"] == 90
    assert own["idle_policy"]["thresholds"] == {**POLICY["thresholds"], "gpu_percent": 20}
    assert own["max_hours"] == 30
    body = {"gpu": "T4", "idle_policy": {"idle_minutes": 20}, "max_hours": 5}
    spec = bench.ada("POST", "/instances", body).json["spec"]
    assert (spec["idle_policy"]["idle_minutes"], spec["max_hours"]) == (20, 5)
    others = bench.bob("POST", "/instances", {"gpu": "T4"}).json["spec"]
    assert others["idle_policy"] == POLICY


def test_null_resets_owner_fields_to_the_desk_defaults(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"idle_policy": {"idle_minutes": 90}, "max_hours": 30})
    answer = bench.ada("PATCH", "/owners/ada", {"idle_policy": None})
    assert answer.json["idle_policy"]["idle_minutes"] is None
    assert answer.json["max_hours"] == 30
    assert bench.ada("PATCH", "/owners/ada", {"max_hours": None}).json["max_hours"] is None


def test_owner_default_above_a_newer_limit_is_clamped_at_launch(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"idle_policy": {"idle_minutes": 200}, "max_hours": 70})
    bounds = {"idle_minutes": 60, "max_hours": 24, "signals": ["gpu", "jupyter"]}
    assert bench.root("PATCH", "/desk", {"limits": bounds, "defaults": {"idle_policy": {"signals": ["gpu"]}}}).status
    answer = bench.ada("POST", "/instances", {"gpu": "T4"})
    assert answer.status == 202
    assert answer.json["spec"]["idle_policy"]["idle_minutes"] == 60
    assert answer.json["spec"]["max_hours"] == 24
    assert set(answer.json["spec"]["idle_policy"]["signals"]) <= {"gpu", "jupyter"}


@pytest.mark.parametrize(
    ("body", "field"),
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
def test_owner_update_with_wrong_field_is_rejected_with_its_name(
    bench: Bench, body: dict[str, Any], field: str
) -> None:
    answer = bench.ada("PATCH", "/owners/ada", body)
    assert answer.status == 422
    assert field in answer.field_errors
    assert bench.ada("GET", "/owners/ada").json["max_hours"] is None


def test_owner_settings_are_open_to_the_owner_and_to_admins_only(bench: Bench) -> None:
    assert bench.bob("GET", "/owners/ada").status == 403
    assert bench.bob("PATCH", "/owners/ada", {"max_hours": 5}).status == 403
    assert bench.root("PATCH", "/owners/ada", {"max_hours": 5}).json["max_hours"] == 5
    assert bench.ada("GET", "/owners/ada").json["max_hours"] == 5
    assert bench.root("GET", "/owners/no%20body").status == 422


def test_webhook_secret_is_shown_once_and_new_at_each_registration(bench: Bench) -> None:
    hook = {"channels": {"webhook": "https://hooks.example.org/ada"}}
    first = bench.ada("PATCH", "/owners/ada", hook).json["webhook_secret"]
    assert first.startswith("whsec_")
    assert "webhook_secret" not in bench.ada("GET", "/owners/ada").json
    assert bench.ada("PATCH", "/owners/ada", {"max_hours": 5}).json["webhook_secret"] is None
    second = bench.ada("PATCH", "/owners/ada", hook).json["webhook_secret"]
    assert second != first
    gone = bench.ada("PATCH", "/owners/ada", {"channels": {"webhook": None}}).json
    assert (gone["webhook_secret"], gone["channels"]["webhook"]) == (None, None)


def test_desk_channels_are_visible_to_admins_only(bench: Bench) -> None:
    hook = {"channels": {"webhook": "https://hooks.example.org/admins"}}
    assert bench.root("PATCH", "/desk", hook).json["webhook_secret"].startswith("whsec_")
    assert bench.root("GET", "/desk").json["channels"]["webhook"] == "https://hooks.example.org/admins"
    bench.root("PATCH", "/desk", {"channels": {"email": "root@example.org"}})
    assert bench.root("GET", "/desk").json["email_state"] == "pending"
    shown = bench.ada("GET", "/desk").json
    assert (shown["channels"], shown["email_state"]) == (None, None)
    assert bench.ada("PATCH", "/desk", hook).status == 403


def test_activity_shows_every_signal_with_its_state(bench: Bench) -> None:
    bench.world.activity["cpu"] = SignalState.ACTIVE
    instance = bench.world.launch_until_ready(name="brave-otter")
    bench.world.pass_minutes(2)
    activity = bench.ada("GET", "/instances/brave-otter").json["status"]["activity"]
    assert activity["state"] == "busy"
    signals = {each["name"]: each for each in activity["signals"]}
    assert list(signals) == POLICY["signals"]
    assert signals["cpu"]["state"] == "active"
    assert signals["gpu"]["state"] == "quiet"
    assert all(signal["enabled"] for signal in signals.values())
    bench.world.activity["cpu"] = SignalState.QUIET
    assert instance


def test_keep_shows_whether_the_instance_acknowledged_it(bench: Bench) -> None:
    instance = bench.world.launch_until_ready(name="brave-otter")
    bench.ada("POST", "/instances/brave-otter/keep", {"hours": 2})
    keep = bench.ada("GET", "/instances/brave-otter").json["status"]["keep"]
    assert keep["acknowledged_by_machine"] is False
    bench.world.acknowledgement = Acknowledgement(keep_until=bench.world.load(instance).lifetime.keep_until)
    bench.world.pass_minutes()
    keep = bench.ada("GET", "/instances/brave-otter").json["status"]["keep"]
    assert keep["acknowledged_by_machine"] is True
    bench.world.acknowledgement = Acknowledgement()


def test_notifications_show_every_delivery_attempt(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"channels": {"webhook": "http://127.0.0.1:1/"}})
    instance = bench.world.launch_until_warned(name="brave-otter")
    bench.world.pass_minutes(2)
    page = bench.ada("GET", "/instances/brave-otter/notifications?limit=1").json
    (notification,) = page["items"]
    assert notification["code"] == "idle_warning"
    (delivery,) = notification["deliveries"]
    assert (delivery["channel"], delivery["state"]) == ("owner.webhook", "pending")
    assert len(delivery["attempts"]) >= 2
    assert "refused" in delivery["attempts"][0]["detail"]
    warning = bench.ada("GET", "/instances/brave-otter").json["status"]["warning"]
    assert warning["delivered_channels"] == []
    assert warning["stop_by"] > warning["stop_at"] > warning["created_at"]
    assert (warning["type"], "very enabled signal has been quiet" in warning["message"]) == ("idle", True)
    assert bench.bob("GET", "/instances/brave-otter/notifications").status == 404
    assert bench.ada("GET", "/instances/brave-otter/notifications?cursor=nonsense").status == 422
    assert get_ec2_id(instance)


def test_health_is_503_while_the_sweep_is_overdue(bench: Bench) -> None:
    bench.world.pass_minutes()
    assert bench.ada("GET", "/healthz").status == 200
    bench.world.clock.advance(11 * MINUTE)
    sick = bench.ada("GET", "/healthz")
    assert (sick.status, sick.json["status"]) == (503, "sweep_overdue")
    bench.world.pass_minutes()
    assert bench.ada("GET", "/healthz").json["status"] == "ok"


def test_lowered_warning_period_is_named_in_the_answer(bench: Bench) -> None:
    short, named = {"idle_minutes": 3}, {"idle_minutes": 3, "warning_minutes": 3}
    bench.world.launch(name="brave-otter")
    requests = [
        ("PATCH", "/instances/brave-otter", {}),
        ("PATCH", "/owners/ada", {}),
        ("POST", "/instances", {"gpu": "T4"}),
    ]
    for method, path, body in requests:
        silent = bench.ada(method, path, {**body, "idle_policy": named}).json["warnings"]
        assert "warning_minutes_lowered" not in [warning["code"] for warning in silent]
        bench.ada("PATCH", "/owners/ada", {"idle_policy": None})
        bench.ada("PATCH", "/instances/brave-otter", {"idle_policy": {"idle_minutes": 30, "warning_minutes": 10}})
        first, *_ = bench.ada(method, path, {**body, "idle_policy": short}).json["warnings"]
        assert first == {
            "code": "warning_minutes_lowered",
            "message": (
                "warning_minutes is 3 instead of 10, because it cannot exceed idle_minutes. It stays 3 until a request "
                "sets another value."
            ),
        }
        bench.ada("PATCH", "/owners/ada", {"idle_policy": None})
    desk = bench.root("PATCH", "/desk", {"defaults": {"idle_policy": short}}).json
    assert [warning["code"] for warning in desk["warnings"]] == ["warning_minutes_lowered"]
    assert bench.root("PATCH", "/desk", {"mode": "enforce"}).json["warnings"] == []


def test_launch_keep_and_stop_warn_of_an_address_that_gets_no_mail(bench: Bench) -> None:
    bench.ada("PATCH", "/owners/ada", {"channels": {"email": "ada@example.org"}})
    instance = bench.world.launch_until_ready()
    launched = bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 3})
    kept = bench.ada("POST", f"/instances/{instance.name}/keep", {"hours": 1})
    stopped = bench.ada("POST", f"/instances/{instance.name}/stop")
    for answer in (launched, kept, stopped):
        assert [warning["code"] for warning in answer.json["warnings"]] == ["no_channel"]
        assert "ada@example.org gets no mail" in answer.json["warnings"][0]["message"]
