"""The probe's heartbeat: sensors, the time of AWS, evidence, the write, and the response."""

import fcntl
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, KeepResult
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds
from chalicelib.domain.instances.spec import Policy
from ssm_documents.probe.history import History
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.local_http import Response as HttpAnswer
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
from tools.replay.__main__ import ReplayResult, run_replay
from tools.replay.history import MalformedLine, read_events

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
    ) == (2, START + MINUTE, "ConnectionError")
    one.run_ticks(59)
    assert one.client.heartbeats[-1].missed_heartbeats is not None, "for an hour, for whoever looks later"
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
    assert (status["response"]["mode"], status["response"]["idle_minutes"]) == ("paused", 7)
    again.paths.response.write_text('{"mode": ')
    build_machine(tmp_path, client=FakeHeartbeatClient(0)).run_ticks(1)
    assert json.loads(again.paths.status.read_text())["response"] is None


def test_invalid_response_counts_as_a_missed_heartbeat(tmp_path: Path) -> None:
    class Nonsense(FakeHeartbeatClient):
        def send(self, beat: object) -> HeartbeatResponse | None:
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
    assert len(recipients.messages) == 3, "nobody is there, so it is repeated"
    recipients.terminals = 2
    one.run_ticks(3)
    assert len(recipients.messages) == 4, "it has reached somebody, so it is not repeated"
    assert (
        "will be stopped at 12:10 UTC: it is idle. To keep it running, run gpudesk-keep 4h." in recipients.messages[-1]
    )
    acknowledged = one.client.heartbeats[-1].acknowledged
    assert (acknowledged.warning_id, acknowledged.terminals, acknowledged.jupyter_servers) == ("idle-1", 2, 0)
    one.client.response = HeartbeatResponse()
    one.run_ticks(2)
    assert "The stop was cancelled." in recipients.messages[-1]
    assert one.client.heartbeats[-1].acknowledged.warning_id is None


def test_keep_request_is_sent_until_gpudesk_decides(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    (one.paths.keep_requests / "1-aa.json").write_text('{"hours": 4}')
    one.run_ticks(2)
    assert [each.keep_request for each in one.client.heartbeats] == [KeepRequest(id="1-aa", hours=4)] * 2
    one.client.response = HeartbeatResponse(
        keep_result=KeepResult(id="1-aa", granted=True, message="kept until 18:00 UTC")
    )
    one.run_ticks(2)
    assert one.client.heartbeats[-1].keep_request is None
    answer = json.loads((one.paths.keep_results / "1-aa.json").read_text())
    assert answer == {"granted": True, "message": "kept until 18:00 UTC"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write as several users")
def test_keep_requests_of_several_users_take_turns_whatever_mtime_they_set(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    files = [("1-ada", 1001, 4), ("2-eve", 1002, 9), ("3-eve", 1002, 8), ("4-bob", 1003, 2)]
    for name, user, hours in files:
        path = one.paths.keep_requests / f"{name}.json"
        path.write_text(json.dumps({"hours": hours}))
        os.utime(path, (4e9, 4e9) if user == 1002 else None)
        os.chown(path, user, -1)
    (one.paths.keep_requests / "0-eve.json").mkdir()
    os.chown(one.paths.keep_requests / "0-eve.json", 1002, -1)
    requests = []
    for _ in range(3):
        one.run_ticks(1)
        request = one.client.heartbeats[-1].keep_request
        assert request
        requests.append(request)
        one.client.response = HeartbeatResponse(keep_result=KeepResult(id=request.id, granted=True, message="kept"))
        one.run_ticks(1)
    assert [(each.id, each.hours) for each in requests] == [("1-ada", 4), ("3-eve", 8), ("4-bob", 2)]
    assert {path.stem for path in one.paths.keep_results.iterdir()} == {"1-ada", "3-eve", "4-bob"}
    assert [path.name for path in one.paths.keep_requests.iterdir()] == ["0-eve.json"], "all else is cleared away"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"hours": "4"}', '{"hours": -1}', '{"hours": 1e999}', '{"hours": true}', "[" * 100_000]
)
def test_invalid_keep_request_is_ignored(tmp_path: Path, content: str) -> None:
    one = build_machine(tmp_path)
    (one.paths.keep_requests / "1-aa.json").write_text(content)
    (one.paths.keep_requests / "2-link.json").symlink_to("/etc/passwd")
    assert one.run_ticks(1) == [True]
    assert one.client.heartbeats[-1].keep_request is None


def test_running_step_is_reported_with_its_last_output_line(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    progress = {
        "document": "gpudesk-jupyter",
        "step": "install",
        "position": "1 of 2",
        "started": 100,
        "line": "Going.",
    }
    one.paths.progress.write_text(json.dumps({**progress, "attempt": "a1"}))
    assert one.run_ticks(1) == [True]
    assert one.client.heartbeats[-1].setup is None, "what was killed left its last words"
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.run_ticks(1)
        step = one.client.heartbeats[-1].setup
        assert step is not None
        assert (step.document, step.step, step.position, step.last_output_line) == (
            "gpudesk-jupyter",
            "install",
            "1 of 2",
            "Going.",
        )
        assert step.running_for == timedelta(seconds=95)
        one.paths.progress.write_text('{"document": "')
        one.run_ticks(1)
        assert one.client.heartbeats[-1].setup is None


def test_history_can_be_read_by_make_replay(tmp_path: Path) -> None:
    one = build_machine(
        tmp_path, client=FakeHeartbeatClient(response=HeartbeatResponse(keep_until=START + timedelta(hours=3)))
    )
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.run_ticks(2)
    one.run_ticks(3)
    lines = list(History(one.paths.history).read_lines())
    events = [json.loads(line)["event"] for line in lines]
    assert events[:4] == ["ready", "setup_started", "heartbeat", "keep"]
    assert events.count("setup_ended") == 1
    assert events.count("heartbeat") == 5
    assert not [each for each in read_events(line.encode() for line in lines) if isinstance(each, MalformedLine)]


def test_boot_after_another_boot_records_a_stop_and_a_restarted_probe_does_not(tmp_path: Path) -> None:
    build_machine(tmp_path).run_ticks(2)
    build_machine(tmp_path, time=SteppingTime(begin=START + 2 * MINUTE)).run_ticks(1)
    build_machine(tmp_path, time=SteppingTime(begin=START + 9 * MINUTE), boot_id="boot-2").run_ticks(1)
    lines = [json.loads(line) for line in History(tmp_path / "history.jsonl").read_lines()]
    events = ["ready", "heartbeat", "heartbeat", "ready", "heartbeat", "stopped_outside", "ready", "heartbeat"]
    assert [line["event"] for line in lines] == events
    minutes = ["00", "00", "01", "02", "02", "02", "09", "09"]
    assert [line["at"] for line in lines] == [f"2026-11-23T12:{minute}:00Z" for minute in minutes]


def test_replay_of_two_busy_days_with_a_stopped_night_has_no_actions(tmp_path: Path) -> None:
    for day in range(2):
        time = SteppingTime(begin=START + timedelta(days=day))
        build_machine(tmp_path, ScriptedSensor("cpu", ACTIVE), time=time, boot_id=f"boot-{day}").run_ticks(8 * 60)
    lines = [line.encode() for line in History(tmp_path / "history.jsonl").read_lines()]
    assert run_replay(lines, Policy()) == ReplayResult([], [], [])


def test_history_is_limited_and_can_be_read_since_a_time(tmp_path: Path) -> None:
    history = History(tmp_path / "h.jsonl", max_bytes=2000)
    for number in range(200):
        history.write_heartbeat(START + number * MINUTE, {"gpu": QUIET})
    kept = list(history.read_lines())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5000
    assert json.loads(kept[-1])["at"] == "2026-11-23T15:19:00Z"
    assert [json.loads(line)["event"] for line in history.read_lines(START + 198 * MINUTE)] == [
        "ready",
        *["heartbeat"] * 2,
    ]


def test_stop_is_recorded_even_if_the_start_of_the_boot_was_dropped(tmp_path: Path) -> None:
    history = History(tmp_path / "h.jsonl", max_bytes=2000)
    history.start_window(START, "boot-1", is_setting_up=False)
    for number in range(200):
        history.write_heartbeat(START + number * MINUTE, {"gpu": QUIET})
    History(tmp_path / "h.jsonl").start_window(START + 300 * MINUTE, "boot-2", is_setting_up=False)
    assert [json.loads(line)["event"] for line in history.read_lines()][-2:] == ["stopped_outside", "ready"]


def test_incomplete_line_of_a_crash_is_left_out(tmp_path: Path) -> None:
    history = History(tmp_path / "h.jsonl")
    history.write_heartbeat(START, {"gpu": QUIET})
    with (tmp_path / "h.jsonl").open("a") as file:
        file.write('{"at": "2026-11-2')
    assert [json.loads(line)["event"] for line in history.read_lines()] == ["ready", "heartbeat"]
    history.start_window(START + MINUTE, "boot-1", is_setting_up=False)
    assert json.loads(list(history.read_lines())[-1])["event"] == "ready", "the next one is not lost with it"


def test_probe_restarted_by_its_own_document_records_the_end_of_the_setup(tmp_path: Path) -> None:
    first = build_machine(tmp_path)
    with first.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first.run_ticks(1)
    build_machine(tmp_path, time=SteppingTime(begin=START + MINUTE)).run_ticks(60)
    lines = list(History(first.paths.history).read_lines())
    events = [json.loads(line)["event"] for line in lines]
    assert events[:6] == ["ready", "setup_started", "heartbeat", "setup_ended", "ready", "heartbeat"]
    assert events.count("setup_ended") == 1
    actions = run_replay((line.encode() for line in lines), Policy()).actions
    assert [(f"{action.at:%H:%M}", action.action) for action in actions] == [("12:31", "warn"), ("12:41", "stop")]


def test_restarted_probe_records_a_running_setup_again(tmp_path: Path) -> None:
    first = build_machine(tmp_path)
    again = build_machine(tmp_path, time=SteppingTime(begin=START + MINUTE))
    with first.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first.run_ticks(1)
        again.run_ticks(1)
    again.run_ticks(1)
    events = [json.loads(line)["event"] for line in History(first.paths.history).read_lines()]
    assert events == [*["ready", "setup_started", "heartbeat"] * 2, "setup_ended", "heartbeat"]


def test_boot_during_a_setup_is_recorded_as_a_stop(tmp_path: Path) -> None:
    first = build_machine(tmp_path)
    with first.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first.run_ticks(1)
    build_machine(tmp_path, time=SteppingTime(begin=START + 5 * MINUTE), boot_id="boot-2").run_ticks(1)
    events = [json.loads(line)["event"] for line in History(first.paths.history).read_lines()]
    assert events[3:] == ["stopped_outside", "ready", "heartbeat"]


def test_part_of_the_history_starts_with_the_state_at_its_start(tmp_path: Path) -> None:
    until = START + timedelta(hours=3)
    one = build_machine(tmp_path, client=FakeHeartbeatClient(response=HeartbeatResponse(keep_until=until)))
    one.run_ticks(3)
    with one.paths.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.run_ticks(3)
    history = History(one.paths.history)

    def begin(minute: int) -> list[tuple[str, str]]:
        plain = [json.loads(line) for line in history.read_lines(START + minute * MINUTE)]
        return [(each["at"][14:16], each["event"]) for each in plain][:4]

    assert begin(2) == [("02", "ready"), ("02", "keep"), ("02", "heartbeat"), ("03", "setup_started")]
    assert begin(5) == [("05", "ready"), ("05", "setup_started"), ("05", "keep"), ("05", "heartbeat")]
    assert begin(-9) == [("00", "ready"), ("00", "heartbeat"), ("00", "keep"), ("01", "heartbeat")]
    assert begin(60) == []
    build_machine(tmp_path, time=SteppingTime(begin=until), boot_id="boot-2").run_ticks(1)
    assert begin(60) == [("00", "keep"), ("00", "ready"), ("00", "heartbeat")], "it was off, and kept"
    assert begin(179) == [("59", "keep"), ("00", "ready"), ("00", "heartbeat")]


def test_every_signal_has_a_reading_on_a_quiet_instance(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    one.run_ticks(1)
    assert set(one.client.heartbeats[-1].signals) == set(SIGNALS)


class Metadata:
    """The metadata service as a function."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self.requests: list[str] = []

    def __call__(self, method: str, url: str, headers: object) -> HttpAnswer:
        self.requests.append(f"{method} {url} {headers}")
        return HttpAnswer(b"i-1" if url.endswith("instance-id") else b"t0ken", self._headers)


def test_time_is_that_of_the_metadata_service() -> None:
    metadata = Metadata({"date": "Mon, 23 Nov 2026 12:00:00 GMT"})
    assert Imds("http://imds/latest", metadata).now() == START
    assert metadata.requests == ["PUT http://imds/latest/api/token {'X-aws-ec2-metadata-token-ttl-seconds': '21600'}"]


def test_metadata_service_without_a_date_gives_no_time() -> None:
    with pytest.raises(ValueError, match="no date"):
        Imds("http://imds/latest", Metadata({})).now()


def test_instance_id_is_requested_with_a_token() -> None:
    metadata = Metadata({})
    assert Imds("http://imds/latest", metadata).read_instance_id() == "i-1"
    assert metadata.requests[1] == (
        "GET http://imds/latest/meta-data/instance-id {'X-aws-ec2-metadata-token': 't0ken'}"
    )
