"""Self-stop: an idle instance that gpudesk cannot reach warns its users and powers off. A busy one never does."""

import fcntl
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy
from tests.support.fakes import ACTIVE, QUIET, START, FakeHeartbeatClient, ProbeMachine, ScriptedSensor, build_machine

POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
WARNED_AT = 10 + 15
STOPS_AT = WARNED_AT + 5


def build_offline_machine(tmp_path: Path, response: HeartbeatResponse, *sensors: ScriptedSensor) -> ProbeMachine:
    """Return a machine that receives one response and is then offline."""
    return build_machine(tmp_path, *sensors, client=FakeHeartbeatClient(*range(1, 10_000), response=response))


def test_idle_instance_warns_and_then_powers_off(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    one.run_ticks(WARNED_AT)
    assert one.recipients.messages == []
    one.run_ticks(2)
    assert "will stop itself at" in one.recipients.messages[0]
    assert "gpudesk-hold --for 4h" in one.recipients.messages[0]
    one.run_ticks(STOPS_AT - WARNED_AT - 2)
    assert one.powered_off == []
    one.run_ticks(2)
    assert len(one.powered_off) == 1
    one.run_ticks(1)
    assert len(one.powered_off) == 2, "it is still running, so it powers off again"


def test_instance_also_stops_itself_if_gpudesk_responds_but_does_not_act(tmp_path: Path) -> None:
    one = build_machine(tmp_path, client=FakeHeartbeatClient(response=HeartbeatResponse(policy=POLICY)))
    one.run_ticks(WARNED_AT + 2)
    leaving = one.client.heartbeats[-1].self_stop
    assert leaving is not None
    assert not leaving.stopping_now
    one.run_ticks(STOPS_AT - WARNED_AT)
    leaving = one.client.heartbeats[-1].self_stop
    assert leaving is not None
    assert leaving.stopping_now
    assert one.powered_off


def test_busy_instance_never_stops_itself(tmp_path: Path) -> None:
    one = build_offline_machine(
        tmp_path, HeartbeatResponse(policy=POLICY), ScriptedSensor("gpu", QUIET), ScriptedSensor("cpu", ACTIVE)
    )
    one.run_ticks(600)
    assert one.powered_off == []


def test_activity_after_the_warning_cancels_the_self_stop(tmp_path: Path) -> None:
    sensors = [ScriptedSensor(name, QUIET) for name in SIGNALS]
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY), *sensors)
    one.run_ticks(WARNED_AT + 2)
    sensors[0].readings = [ACTIVE]
    one.run_ticks(20)
    assert "no longer stops itself. Busy" in one.recipients.messages[-1]
    assert one.powered_off == []


def test_active_keep_and_other_modes_prevent_the_self_stop(tmp_path: Path) -> None:
    kept = build_offline_machine(
        tmp_path / "kept", HeartbeatResponse(policy=POLICY, keep_until=START + timedelta(hours=2))
    )
    kept.run_ticks(120)
    assert kept.powered_off == []
    kept.run_ticks(31)
    assert kept.powered_off, "after the end of the keep it warns again"
    for mode in ("paused", "dry_run"):
        other = build_offline_machine(tmp_path / mode, HeartbeatResponse(policy=POLICY, mode=mode))
        other.run_ticks(100)
        assert (other.powered_off, other.recipients.messages) == ([], [])


def test_shortened_policy_leaves_gpudesk_15_minutes_more_to_stop_the_instance(tmp_path: Path) -> None:
    client = FakeHeartbeatClient(response=HeartbeatResponse(policy=IdlePolicy(idle_minutes=240, warning_minutes=10)))
    one = build_machine(tmp_path, client=client)
    one.run_ticks(60)
    client.response = HeartbeatResponse(policy=POLICY)
    one.run_ticks(15)
    assert one.recipients.messages == [], "it has been idle for longer than the window and 15 minutes"
    one.run_ticks(2)
    assert "will stop itself at" in one.recipients.messages[0]
    one.run_ticks(3)
    assert one.powered_off == []
    one.run_ticks(3)
    assert one.powered_off


def test_changed_policy_cancels_a_self_stop_that_was_announced(tmp_path: Path) -> None:
    client = FakeHeartbeatClient(response=HeartbeatResponse(policy=POLICY))
    one = build_machine(tmp_path, client=client)
    one.run_ticks(WARNED_AT + 2)
    client.response = HeartbeatResponse(policy=IdlePolicy(idle_minutes=10, warning_minutes=1))
    one.run_ticks(5)
    assert "no longer stops itself. Its idle policy has changed" in one.recipients.messages[-1]
    assert one.powered_off == []
    one.run_ticks(15)
    assert one.powered_off


def test_instance_without_any_response_never_stops_itself(tmp_path: Path) -> None:
    one = build_machine(tmp_path, client=FakeHeartbeatClient(*range(10_000)))
    one.run_ticks(200)
    assert one.powered_off == []


def test_last_response_applies_after_a_reboot_and_evidence_starts_again(tmp_path: Path) -> None:
    build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY)).run_ticks(20)
    rebooted = build_machine(tmp_path, client=FakeHeartbeatClient(*range(10_000)), boot_id="boot-2")
    rebooted.run_ticks(STOPS_AT)
    assert rebooted.powered_off == []
    rebooted.run_ticks(2)
    assert rebooted.powered_off


def test_running_document_prevents_the_self_stop_and_restarts_the_window(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.run_ticks(100)
    one.run_ticks(WARNED_AT)
    assert one.powered_off == []
    assert one.recipients.messages == []
    one.run_ticks(STOPS_AT - WARNED_AT + 3)
    assert one.powered_off


def test_step_between_two_heartbeats_is_detected(tmp_path: Path) -> None:
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY))
    one.run_ticks(WARNED_AT - 2)
    one.paths.attempts.mkdir()
    (one.paths.attempts / "gd-1.0.probe.inspect").write_text("0")
    one.run_ticks(20)
    assert one.recipients.messages == []


def test_hook_runs_once_before_the_instance_stops_itself(tmp_path: Path) -> None:
    hook = "/home/ubuntu/save.sh"
    one = build_offline_machine(tmp_path, HeartbeatResponse(policy=POLICY, before_stop_hook=hook))
    one.run_ticks(STOPS_AT)
    assert (one.hooks, one.powered_off) == ([], [])
    one.run_ticks(3)
    assert one.hooks == [hook], "once, although the instance still runs and powers off again"
    assert len(one.powered_off) == 2
