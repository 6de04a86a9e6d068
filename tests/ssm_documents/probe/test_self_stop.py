"""Self-stop: an idle instance that gpudesk cannot reach warns its users and powers off. A busy one never does."""

import fcntl
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy
from tests.support.fakes import ACTIVE, QUIET, START, FakeDesk, ProbeMachine, Scripted, build_machine

POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
WARNED_AT = 10 + 15
STOPS_AT = WARNED_AT + 5


def build_offline_machine(tmp_path: Path, response: HeartbeatResponse, *sensors: Scripted) -> ProbeMachine:
    """Return a machine that receives one response and is then offline."""
    return build_machine(tmp_path, *sensors, desk=FakeDesk(*range(1, 10_000), response=response))


def test_idle_instance_warns_and_then_powers_off(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    one.tick(WARNED_AT)
    assert one.recipients.messages == []
    one.tick(2)
    assert "will stop itself at" in one.recipients.messages[0]
    assert "gpudesk-keep" in one.recipients.messages[0]
    one.tick(STOPS_AT - WARNED_AT - 2)
    assert one.powered_off == []
    one.tick(2)
    assert len(one.powered_off) == 1
    one.tick(1)
    assert len(one.powered_off) == 2, "it is still running, so it powers off again"


def test_instance_also_stops_itself_if_gpudesk_responds_but_does_not_act(tmp_path: Path) -> None:
    one = build_machine(tmp_path, desk=FakeDesk(response=HeartbeatResponse(policy=POLICY)))
    one.tick(WARNED_AT + 2)
    leaving = one.desk.heartbeats[-1].self_stop
    assert leaving is not None
    assert not leaving.stopping_now
    one.tick(STOPS_AT - WARNED_AT)
    leaving = one.desk.heartbeats[-1].self_stop
    assert leaving is not None
    assert leaving.stopping_now
    assert one.powered_off


def test_busy_instance_never_stops_itself(tmp_path: Path) -> None:
    one = build_offline_machine(
        tmp_path, HeartbeatResponse(policy=POLICY), Scripted("gpu", QUIET), Scripted("cpu", ACTIVE)
    )
    one.tick(600)
    assert one.powered_off == []


def test_activity_after_the_warning_cancels_the_self_stop(tmp_path: Path) -> None:
    sensors = [Scripted(name, QUIET) for name in SIGNALS]
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY), *sensors)
    one.tick(WARNED_AT + 2)
    sensors[0].readings = [ACTIVE]
    one.tick(20)
    assert "no longer stops itself. Busy" in one.recipients.messages[-1]
    assert one.powered_off == []


def test_active_keep_and_other_modes_prevent_the_self_stop(tmp_path: Path) -> None:
    kept = build_offline_machine(
        tmp_path / "kept", HeartbeatResponse(policy=POLICY, keep_until=START + timedelta(hours=2))
    )
    kept.tick(120)
    assert kept.powered_off == []
    kept.tick(31)
    assert kept.powered_off, "after the end of the keep it warns again"
    for mode in ("paused", "dry_run"):
        other = build_offline_machine(tmp_path / mode, HeartbeatResponse(policy=POLICY, mode=mode))
        other.tick(100)
        assert (other.powered_off, other.recipients.messages) == ([], [])


def test_instance_without_any_response_never_stops_itself(tmp_path: Path) -> None:
    one = build_machine(tmp_path, desk=FakeDesk(*range(10_000)))
    one.tick(200)
    assert one.powered_off == []


def test_last_response_applies_after_a_reboot_and_evidence_starts_again(tmp_path: Path) -> None:
    build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY)).tick(20)
    rebooted = build_machine(tmp_path, desk=FakeDesk(*range(10_000)), boot_id="boot-2")
    rebooted.tick(STOPS_AT)
    assert rebooted.powered_off == []
    rebooted.tick(2)
    assert rebooted.powered_off


def test_running_document_prevents_the_self_stop_and_restarts_the_window(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.tick(100)
    one.tick(WARNED_AT)
    assert one.powered_off == []
    assert one.recipients.messages == []
    one.tick(STOPS_AT - WARNED_AT + 3)
    assert one.powered_off


def test_step_between_two_heartbeats_is_detected(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    one.tick(WARNED_AT - 2)
    one.paths.attempts.mkdir()
    (one.paths.attempts / "gd-1.0.probe.inspect").write_text("0")
    one.tick(20)
    assert one.recipients.messages == []
