"""When the desk is away, the machine stops itself: by its own evidence, after a warning, never for lost contact."""

import fcntl
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy
from tests.support.fakes import ACTIVE, QUIET, START, Desk, Machine, Scripted, machine

POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
WARNED_AT = 10 + 15
STOPS_AT = WARNED_AT + 5


def gone(tmp_path: Path, orders: HeartbeatResponse, *sensors: Scripted) -> Machine:
    """A machine whose desk spoke once and was never heard again."""
    return machine(tmp_path, *sensors, desk=Desk(*range(1, 10_000), orders=orders))


def test_idle_instance_warns_and_then_powers_off(tmp_path: Path) -> None:
    one = gone(tmp_path, HeartbeatResponse(policy=POLICY))
    one.beats(WARNED_AT)
    assert one.crowd.told == []
    one.beats(2)
    assert "will stop itself at" in one.crowd.told[0]
    assert "gpudesk-keep" in one.crowd.told[0]
    one.beats(STOPS_AT - WARNED_AT - 2)
    assert one.powered_off == []
    one.beats(2)
    assert len(one.powered_off) == 1
    one.beats(1)
    assert len(one.powered_off) == 2, "it still runs: once more"


def test_instance_also_stops_itself_if_gpudesk_responds_but_does_not_act(tmp_path: Path) -> None:
    one = machine(tmp_path, desk=Desk(orders=HeartbeatResponse(policy=POLICY)))
    one.beats(WARNED_AT + 2)
    leaving = one.desk.heard[-1].self_stop
    assert leaving is not None
    assert not leaving.stopping_now
    one.beats(STOPS_AT - WARNED_AT)
    leaving = one.desk.heard[-1].self_stop
    assert leaving is not None
    assert leaving.stopping_now
    assert one.powered_off


def test_busy_instance_never_stops_itself(tmp_path: Path) -> None:
    one = gone(tmp_path, HeartbeatResponse(policy=POLICY), Scripted("gpu", QUIET), Scripted("cpu", ACTIVE))
    one.beats(600)
    assert one.powered_off == []


def test_activity_after_the_warning_cancels_the_self_stop(tmp_path: Path) -> None:
    sensors = [Scripted(name, QUIET) for name in SIGNALS]
    one = gone(tmp_path, HeartbeatResponse(policy=POLICY), *sensors)
    one.beats(WARNED_AT + 2)
    sensors[0].readings = [ACTIVE]
    one.beats(20)
    assert "no longer stops itself: busy" in one.crowd.told[-1]
    assert one.powered_off == []


def test_active_keep_and_other_modes_prevent_the_self_stop(tmp_path: Path) -> None:
    kept = gone(tmp_path / "kept", HeartbeatResponse(policy=POLICY, keep_until=START + timedelta(hours=2)))
    kept.beats(120)
    assert kept.powered_off == []
    kept.beats(31)
    assert kept.powered_off, "a keep always ends; then it is warned anew"
    for mode in ("paused", "dry_run"):
        other = gone(tmp_path / mode, HeartbeatResponse(policy=POLICY, mode=mode))
        other.beats(100)
        assert (other.powered_off, other.crowd.told) == ([], [])


def test_instance_without_any_response_never_stops_itself(tmp_path: Path) -> None:
    one = machine(tmp_path, desk=Desk(*range(10_000)))
    one.beats(200)
    assert one.powered_off == []


def test_last_response_applies_after_a_reboot_and_evidence_starts_again(tmp_path: Path) -> None:
    gone(tmp_path, HeartbeatResponse(policy=POLICY)).beats(20)
    rebooted = machine(tmp_path, desk=Desk(*range(10_000)), boot_id="boot-2")
    rebooted.beats(STOPS_AT)
    assert rebooted.powered_off == []
    rebooted.beats(2)
    assert rebooted.powered_off


def test_running_document_prevents_the_self_stop_and_restarts_the_window(tmp_path: Path) -> None:
    one = gone(tmp_path, HeartbeatResponse(policy=POLICY))
    with one.places.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.beats(100)
    one.beats(WARNED_AT)
    assert one.powered_off == []
    assert one.crowd.told == []
    one.beats(STOPS_AT - WARNED_AT + 3)
    assert one.powered_off


def test_step_between_two_heartbeats_is_detected(tmp_path: Path) -> None:
    one = gone(tmp_path, HeartbeatResponse(policy=POLICY))
    one.beats(WARNED_AT - 2)
    one.places.attempts.mkdir()
    (one.places.attempts / "gd-1.0.probe.inspect").write_text("0")
    one.beats(20)
    assert one.crowd.told == []
