"""Heartbeat of the probe: sensors, the time of AWS, evidence, and the response of gpudesk."""

import fcntl
import json
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, decode_response
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds
from ssm_documents.probe.sensors import GuardedSensor, Reading, read_all
from tests.support.fakes import (
    ACTIVE,
    MINUTE,
    QUIET,
    START,
    FakeHeartbeatClient,
    HangingSensor,
    Recipients,
    ScriptedSensor,
    SteppingTime,
    build_machine,
)

ANY = Thresholds()


def test_each_heartbeat_folds_one_sample_of_every_sensor(tmp_path: Path) -> None:
    one = build_machine(tmp_path, ScriptedSensor("gpu", QUIET), ScriptedSensor("jupyter", QUIET, ACTIVE, QUIET))
    assert one.run_ticks(3) == [True] * 3
    heartbeat = one.client.heartbeats[-1]
    assert (heartbeat.at, heartbeat.instance_id, heartbeat.boot_id) == (START + 2 * MINUTE, "i-1", "boot-1")
    assert (heartbeat.signals["gpu"].samples, heartbeat.signals["gpu"].since) == (3, START)
    assert (heartbeat.signals["jupyter"].samples, heartbeat.signals["jupyter"].since) == (1, START + 2 * MINUTE)


def test_raising_sensor_makes_only_its_own_signal_unknown(tmp_path: Path) -> None:
    one = build_machine(tmp_path, ScriptedSensor("gpu", RuntimeError("driver gone")), ScriptedSensor("jupyter", QUIET))
    assert one.run_ticks(1) == [True]
    assert one.probe.evidence["gpu"].state is SignalState.UNKNOWN
    assert one.probe.evidence["gpu"].reason == "the sensor failed: RuntimeError: driver gone"
    assert one.probe.evidence["jupyter"].state is SignalState.QUIET


def test_hanging_sensor_is_unknown_and_not_started_again(tmp_path: Path) -> None:
    hanging = HangingSensor()
    one = build_machine(tmp_path, hanging, ScriptedSensor("jupyter", QUIET))
    assert one.run_ticks(2) == [True, True]
    assert one.probe.evidence["hanging"].state is SignalState.UNKNOWN
    assert "has not responded for 0.05 s" in one.probe.evidence["hanging"].reason
    assert one.probe.evidence["jupyter"].samples == 2
    assert hanging.read_count == 1
    hanging.release.set()


def test_sensor_is_read_again_after_it_hung() -> None:
    hanging = HangingSensor()
    assert read_all([GuardedSensor(hanging, 0.05)], ANY)["hanging"].state is SignalState.UNKNOWN
    hanging.release.set()
    assert read_all([GuardedSensor(hanging, 10)], ANY)["hanging"] == QUIET


def test_offline_probe_keeps_evidence_and_reports_missed_heartbeats_later(tmp_path: Path) -> None:
    one = build_machine(tmp_path, ScriptedSensor("gpu", QUIET), client=FakeHeartbeatClient(1, 2))
    assert one.run_ticks(4) == [True, False, False, True]
    heartbeat = one.client.heartbeats[-1]
    assert (heartbeat.signals["gpu"].samples, heartbeat.signals["gpu"].since) == (4, START)
    assert heartbeat.missed_heartbeats is not None
    assert (
        heartbeat.missed_heartbeats.count,
        heartbeat.missed_heartbeats.since,
        heartbeat.missed_heartbeats.reason,
    ) == (2, START + MINUTE, "ConnectionClosedError")
    one.run_ticks(59)
    assert one.client.heartbeats[-1].missed_heartbeats is not None, "it is reported for one hour"
    one.run_ticks(4)
    assert one.client.heartbeats[-1].missed_heartbeats is None


def test_without_the_time_nothing_is_folded_and_a_long_gap_resets_evidence(tmp_path: Path) -> None:
    short = build_machine(tmp_path / "short", ScriptedSensor("gpu", QUIET), time=SteppingTime(1, 2))
    assert short.run_ticks(4) == [True, False, False, True]
    assert short.probe.evidence["gpu"].since == START
    long = build_machine(tmp_path / "long", ScriptedSensor("gpu", QUIET), time=SteppingTime(1, 2, 3))
    assert long.run_ticks(5) == [True, False, False, False, True]
    assert long.probe.evidence["gpu"].since == START + 4 * MINUTE


def test_live_counts_of_all_sensors_are_added(tmp_path: Path) -> None:
    jupyter = ScriptedSensor("jupyter", Reading(SignalState.QUIET, "x", {"kernels": 2, "terminals": 1}))
    one = build_machine(tmp_path, jupyter, ScriptedSensor("sessions", Reading(SignalState.QUIET, "x", {"tmux": 1})))
    one.run_ticks(1)
    assert one.client.heartbeats[-1].live_counts == {"kernels": 2, "terminals": 1, "tmux": 1}


def test_changed_threshold_applies_to_the_next_reading_and_resets_only_its_signal(tmp_path: Path) -> None:
    cpu, disk = ScriptedSensor("cpu", QUIET), ScriptedSensor("disk", QUIET)
    one = build_machine(tmp_path, cpu, disk)
    one.run_ticks(3)
    changed = Thresholds(cpu_core_percent=80)
    one.client.response = HeartbeatResponse(policy=IdlePolicy(thresholds=changed))
    one.run_ticks(2)
    assert cpu.thresholds[-2:] == [ANY, changed]
    assert one.client.heartbeats[-1].signals["cpu"].samples == 1
    assert one.client.heartbeats[-1].signals["disk"].samples == 5


def test_last_response_survives_a_restart_and_an_invalid_file_counts_as_none(tmp_path: Path) -> None:
    response = HeartbeatResponse(
        mode="paused", policy=IdlePolicy(idle_minutes=7), keep_until=START + timedelta(hours=5)
    )
    build_machine(tmp_path, client=FakeHeartbeatClient(response=response)).run_ticks(1)
    again = build_machine(tmp_path, client=FakeHeartbeatClient(0, 1, 2))
    again.run_ticks(1)
    status = json.loads(again.paths.status.read_text())
    assert decode_response(status["response"]) == response
    assert again.paths.response.read_text() == status["response"]
    again.paths.response.write_text('{"mode": ')
    build_machine(tmp_path, client=FakeHeartbeatClient(0)).run_ticks(1)
    assert json.loads(again.paths.status.read_text())["response"] is None


def test_invalid_response_counts_as_a_missed_heartbeat(tmp_path: Path) -> None:
    class Nonsense(FakeHeartbeatClient):
        def send(self, heartbeat: object) -> HeartbeatResponse | None:
            raise KeyError("mode")

    one = build_machine(tmp_path, client=Nonsense())
    assert one.run_ticks(2) == [False, False]
    assert one.probe.evidence["gpu"].samples == 2


def test_keep_is_acknowledged_in_the_next_heartbeat(tmp_path: Path) -> None:
    until = START + timedelta(hours=2)
    one = build_machine(tmp_path, client=FakeHeartbeatClient(response=HeartbeatResponse(keep_until=until)))
    one.run_ticks(2)
    assert [each.acknowledged.keep_until for each in one.client.heartbeats] == [None, until]


def test_stop_warning_is_repeated_until_it_reaches_somebody_and_its_cancellation_is_announced(tmp_path: Path) -> None:
    warning = ActiveWarning(id="idle-1", warning_type="idle", stop_at=START + 10 * MINUTE)
    recipients = Recipients(terminals=0)
    one = build_machine(
        tmp_path, client=FakeHeartbeatClient(response=HeartbeatResponse(warning=warning)), recipients=recipients
    )
    one.run_ticks(3)
    assert len(recipients.messages) == 3, "nobody is logged in, so it is repeated"
    recipients.terminals = 2
    one.run_ticks(3)
    assert len(recipients.messages) == 4, "somebody has received it, so it is not repeated"
    assert (
        "will be stopped at 12:10 UTC: it is idle. To keep it running, run gpudesk-keep 4h." in recipients.messages[-1]
    )
    acknowledged = one.client.heartbeats[-1].acknowledged
    assert (acknowledged.warning_id, acknowledged.terminals, acknowledged.jupyter_servers) == ("idle-1", 2, 0)
    one.client.response = HeartbeatResponse()
    one.run_ticks(2)
    assert "The stop was cancelled." in recipients.messages[-1]
    assert one.client.heartbeats[-1].acknowledged.warning_id is None


def test_running_step_is_reported_with_its_last_output_line(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    progress = {
        "document": "gpudesk-jupyter",
        "step": "install",
        "position": "1 of 2",
        "started": 100,
        "line": "Going. \u001b[31mtoken=hunter2",
    }
    one.paths.progress.write_text(json.dumps({**progress, "attempt": "a1"}))
    assert one.run_ticks(1) == [True]
    assert one.client.heartbeats[-1].setup is None, "no step is running, although a killed step left its progress"
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.run_ticks(1)
        step = one.client.heartbeats[-1].setup
        assert step is not None
        assert (step.document, step.step, step.position, step.last_output_line) == (
            "gpudesk-jupyter",
            "install",
            "1 of 2",
            "Going. token=***",
        )
        assert step.running_for == timedelta(seconds=95)
        one.paths.progress.write_text('{"document": "')
        one.run_ticks(1)
        assert one.client.heartbeats[-1].setup is None


def test_every_signal_has_a_reading_on_a_quiet_instance(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    one.run_ticks(1)
    assert set(one.client.heartbeats[-1].signals) == set(SIGNALS)
