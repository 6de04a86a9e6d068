"""History of the probe: its lines, their limit, and the state at the start of a part."""

import fcntl
import json
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.instances.spec import Policy
from ssm_documents.probe.history import History
from tests.support.fakes import (
    ACTIVE,
    MINUTE,
    QUIET,
    START,
    FakeHeartbeatClient,
    ScriptedSensor,
    SteppingTime,
    build_machine,
)
from tools.replay.__main__ import ReplayResult, run_replay
from tools.replay.history import MalformedLine, read_events


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
    assert json.loads(list(history.read_lines())[-1])["event"] == "ready", "the next event starts a new line"


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
    assert begin(60) == [("00", "keep"), ("00", "ready"), ("00", "heartbeat")], (
        "the instance was off, and the keep was active"
    )
    assert begin(179) == [("59", "keep"), ("00", "ready"), ("00", "heartbeat")]
