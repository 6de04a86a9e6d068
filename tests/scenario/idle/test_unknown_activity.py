"""Unreadable is not idle (invariant 3); a broken record does not stop the sweep of the others."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.store.instances.table import InstanceModel
from tests.support.world import MINUTE, World, get_ec2_id

HOSTILE: list[dict[str, Any]] = [
    {"at": 17},
    {"at": "yesterday"},
    {"at": "2026-01-05T09:00:00"},
    {"signals": "quiet"},
    {"signals": {"jupyter": {"state": "asleep"}}},
    {"signals": {"jupyter": {"state": "quiet", "samples": -1}}},
    {"signals": {f"s{number}": {} for number in range(100)}},
    {"instance_id": "i-00000000000000000"},
    {"boot_id": {"a": 1}},
    {"at": (2**4000).__str__()},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda h: str(h)[:40])
def test_a_heartbeat_that_makes_no_sense_stops_nothing(desk: World, hostile: dict[str, Any]) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    desk.send_heartbeats = lambda: desk.send_heartbeat(get_ec2_id(instance), **hostile)  # type: ignore[method-assign]
    desk.pass_minutes(16)
    shown = desk.get_snapshot(instance)
    assert shown.instance.phase is Phase.READY
    assert shown.live.activity is not None
    assert "unknown" in shown.live.activity.reason.message


@pytest.mark.parametrize("shift", [timedelta(hours=-1), timedelta(minutes=10)], ids=["stale", "from the future"])
def test_a_heartbeat_of_another_time_stops_nothing(desk: World, shift: timedelta) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    desk.send_heartbeats = lambda: desk.send_heartbeat(get_ec2_id(instance), at=(desk.now + shift).isoformat())  # type: ignore[method-assign]
    desk.pass_minutes(13)
    assert desk.load(instance).phase is Phase.READY


def test_silence_stops_nothing_and_is_told_once(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    desk.pass_minutes(35, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    assert desk.list_codes(instance).count("activity_unknown") == 1


def test_silence_withdraws_a_warning(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    desk.pass_minutes(12)
    assert desk.load(instance).phase is Phase.READY
    assert "warning_cancelled" in desk.list_codes(instance)


def test_one_unknown_signal_is_enough_to_stop_nothing(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    desk.activity["gpu"] = SignalState.UNKNOWN
    desk.pass_minutes(13)
    assert desk.load(instance).phase is Phase.READY


def test_a_signal_that_is_not_reported_is_unknown(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    desk.activity["gpu"] = None
    desk.pass_minutes(13)
    assert desk.load(instance).phase is Phase.READY


def test_one_unparsable_record_among_a_hundred_stops_the_sweep_of_none(desk: World) -> None:
    instances = desk.application.reconciler.stores.instances
    waiting, broken = desk.launch(key="first"), desk.launch(key="second")
    for number in range(98):
        asleep = replace(waiting, id=f"gd-{number}", name=f"asleep-{number}", phase=Phase.STOPPED)
        instances.adopt(replace(asleep, spec=replace(waiting.spec, desired=DesiredState.STOPPED)), [])
    model = InstanceModel.get(broken.id)
    model.record = {"id": broken.id, "phase": "half-eaten"}
    model.save()
    desk.clock.advance(MINUTE)
    report = desk.application.sweep.run()
    assert report.failed == [broken.id]
    assert report.examined == 99
    assert desk.load(waiting).ec2_instance is not None
