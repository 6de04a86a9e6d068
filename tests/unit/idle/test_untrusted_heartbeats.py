"""Heartbeats that make no sense or are of another time: the activity is unknown, so nothing is stopped for idleness."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat, UnreadableHeartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import encode_heartbeat
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.record import Phase
from tests.support.heartbeat_fields import read_fields, replace_fields
from tests.support.ready_instance import INSTANCE_ID
from tests.unit.instances.simulation import Simulation, build_heartbeat, get_time

KEY = f"AROAEXAMPLEEXAMPLEEXA:{INSTANCE_ID}"

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
    {"live_counts": {"kernels": 10**6}},
    {"live_counts": {"kernels": float("nan")}},
    {"acknowledged": [0, "w", 10**10, 0]},
    {"at": (2**4000).__str__()},
]


def decode(minute: int, **replaced: Any) -> DecodedHeartbeat:
    """Return a heartbeat as gpudesk reads it, with attributes that the instance has overwritten."""
    return decode_heartbeat(replace_fields(encode_heartbeat(build_heartbeat(minute), KEY), **replaced))


def with_signal(minute: int, name: str, state: SignalState | None) -> Heartbeat:
    """Return a heartbeat in which one signal has another state; None: it is not reported."""
    report = build_heartbeat(minute)
    others = {other: evidence for other, evidence in report.signals.items() if other != name}
    changed = {} if state is None else {name: replace(report.signals[name], state=state)}
    return replace(report, signals={**others, **changed})


def judge(simulation: Simulation, minute: int, report: DecodedHeartbeat) -> ActivityState:
    return judge_instance(simulation.instance, replace(simulation.observed, heartbeat=report), get_time(minute)).state


def test_heartbeat_that_is_not_overwritten_is_idle() -> None:
    assert judge(Simulation(), 20, decode(20)) is ActivityState.IDLE


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: str(hostile)[:40])
def test_heartbeat_that_makes_no_sense_stops_nothing(hostile: dict[str, Any]) -> None:
    simulation = Simulation()
    assert judge(simulation, 20, decode(20, **hostile)) is ActivityState.UNKNOWN
    simulation.run_minutes(1, 30, lambda minute: decode(minute, **hostile))
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])


@pytest.mark.parametrize("shift", [-60, 10], ids=["stale", "from the future"])
def test_heartbeat_of_another_time_stops_nothing(shift: int) -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 30, lambda minute: decode(minute, at=get_time(minute + shift).isoformat()))
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])


def test_silence_cancels_the_warning_and_is_notified_once() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 11, build_heartbeat)
    assert simulation.count_entries(EventCode.IDLE_WARNING) == 1
    simulation.run_minutes(12, 60)
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])
    assert (
        simulation.count_entries(EventCode.WARNING_CANCELLED),
        simulation.count_entries(EventCode.ACTIVITY_UNKNOWN),
    ) == (1, 1)


@pytest.mark.parametrize("state", [SignalState.UNKNOWN, None], ids=["unknown", "not reported"])
def test_one_signal_that_is_not_known_stops_nothing(state: SignalState | None) -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 30, lambda minute: with_signal(minute, "gpu", state))
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1


def test_texts_of_a_heartbeat_hold_no_secret_and_nothing_that_a_terminal_obeys() -> None:
    signal = [
        *read_fields(encode_heartbeat(build_heartbeat(0), KEY))["signals"]["cpu"][:-1],
        "\x1b[31mpass\x00word=hunter2 \u202eat 3 %",
    ]
    heartbeat = decode(
        0,
        instance_id="i-\x1b[31m",
        signals={"cpu": signal, "x\x07": signal},
        live_counts={"k\x1b[2J": 1},
        missed_heartbeats=[1, 1_700_000_000, "\x1b]0;x\x07token=hunter2"],
        setup=["d\x00", "s", "1 of 2", 95, "GET https://ada:hunter2@example.org?X-Amz-Signature=hunter2"],
    )
    assert isinstance(heartbeat, Heartbeat)
    assert heartbeat.signals["cpu"].reason == "password=*** at 3 %"
    assert repr(heartbeat).isprintable()
    assert not any(text in repr(heartbeat) for text in ("hunter2", "\\x", "\\u"))


@pytest.mark.parametrize(
    "raw", [{"probe": "\x1b[31mold"}, {"boot_id": "\x1b[31m" * 900}, {"\x1b": 1, "at": "\x1b]0;x\x07"}]
)
def test_unreadable_heartbeat_is_described_without_control_characters(raw: dict[str, Any]) -> None:
    heartbeat = decode(0, **raw)
    assert isinstance(heartbeat, UnreadableHeartbeat)
    assert heartbeat.reason.isprintable()
