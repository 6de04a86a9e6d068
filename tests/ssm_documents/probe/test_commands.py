"""The commands gpudesk-hold, gpudesk-keep, gpudesk-status and gpudesk-history, as real processes."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, KeepResult, encode_response
from chalicelib.domain.idle.policy import IdlePolicy, Thresholds
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History
from ssm_documents.probe.history_command import run_history
from ssm_documents.probe.hold_command import run_hold
from ssm_documents.probe.keep_command import run_keep
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.signals.hold import HoldSensor
from ssm_documents.probe.status_command import run_status
from tests.support.documents import build_zipapp
from tests.support.fakes import MINUTE, QUIET, START


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the zipapp of the probe, as on an instance."""
    path = tmp_path_factory.mktemp("probe") / "probe.pyz"
    path.write_bytes(build_zipapp())
    return path


@pytest.fixture
def paths(tmp_path: Path) -> ProbePaths:
    probe_paths = ProbePaths(tmp_path)
    probe_paths.create_folders()
    return probe_paths


def start(program: Path, paths: ProbePaths, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "GPUDESK_STATE": str(paths.root)}
    command = [sys.executable, str(program), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(program: Path, paths: ProbePaths, *arguments: str) -> tuple[int, str, str]:
    process = start(program, paths, *arguments)
    out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def read_hold_state(paths: ProbePaths) -> SignalState:
    return HoldSensor(paths.holds, lambda: datetime.now(UTC)).read(Thresholds()).state


def test_hold_lasts_while_its_command_runs(program: Path, paths: ProbePaths) -> None:
    process = start(program, paths, "hold", "sh", "-c", "echo begun; exec sleep 61")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert read_hold_state(paths) is SignalState.ACTIVE
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM, (
        "the signal is passed on, and the exit status is that of the command"
    )
    assert read_hold_state(paths) is SignalState.QUIET
    assert list(paths.holds.iterdir()) == []
    process.communicate()


def test_killed_hold_command_ends_the_hold(program: Path, paths: ProbePaths) -> None:
    process = start(program, paths, "hold", "sh", "-c", "echo begun; exec sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(timeout=30)
    assert read_hold_state(paths) is SignalState.QUIET
    subprocess.run(["pkill", "-f", "^sleep 60$"], check=False)
    process.communicate()


def test_hold_returns_the_exit_status_of_its_command(program: Path, paths: ProbePaths) -> None:
    assert run(program, paths, "hold", "--reason", "r", "--", "sh", "-c", "exit 3")[0] == 3
    status, _, errors = run(program, paths, "hold", "no-such-program")
    assert status == 127
    assert "no-such-program" in errors


CALLED: Mapping[str, Callable[[Sequence[str], ProbePaths], int]] = {
    "hold": run_hold,
    "keep": run_keep,
    "history": run_history,
}
A_TIME = "must be a time with a time zone, such as 2026-11-24T18:00Z"
A_SPAN = "must be a number and m, h or d, such as 90m, 4h or 2d"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["hold"], "give exactly one of --until, --for, --release and a command"),
        (["hold", "--for", "3h", "ls"], "give exactly one of"),
        (["hold", "--release", "--for", "3h"], "give exactly one of"),
        (["hold", "--until", "2026-11-24T18:00"], f"'2026-11-24T18:00' {A_TIME}"),
        (["hold", "--until", "garbage"], f"'garbage' {A_TIME}"),
        (["hold", "--until", "0001-01-01T00:00+23:00"], A_TIME),
        (["hold", "--until", "2020-01-01T00:00Z"], "--until 2020-01-01 00:00 UTC is in the past. Now it is 20"),
        (["hold", "--for", "3 weeks"], f"'3 weeks' {A_SPAN}"),
        (["hold", "--for", f"{'9' * 400}h"], A_SPAN),
        (["hold", "--for=-1h"], f"'-1h' {A_SPAN}"),
        (["hold", "--for", "-1h"], "--for"),
        (["keep", "-1h"], f"the duration is '-1h', but {A_SPAN}"),
        (["keep", "0h"], f"'0h' {A_SPAN}"),
        (["keep"], f"the duration is missing: {A_SPAN}"),
        (["history", "--since", "garbage"], f"'garbage' {A_TIME}"),
    ],
)
def test_invalid_arguments_are_refused_with_the_accepted_values(
    paths: ProbePaths, capsys: pytest.CaptureFixture[str], wrong: list[str], why: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        CALLED[wrong[0]](wrong[1:], paths)
    assert ended.value.code == 2
    assert why in capsys.readouterr().err
    assert read_hold_state(paths) is SignalState.QUIET
    assert list(paths.keep_requests.iterdir()) == []


def test_hold_with_an_end_lasts_until_that_time(program: Path, paths: ProbePaths) -> None:
    assert run(program, paths, "hold", "--for", "2h")[0] == 0
    assert read_hold_state(paths) is SignalState.ACTIVE
    later = HoldSensor(paths.holds, lambda: datetime.now(UTC) + timedelta(hours=3))
    assert later.read(Thresholds()).state is SignalState.QUIET


def test_release_ends_timed_holds_of_the_user_but_no_hold_of_a_running_command(
    program: Path, paths: ProbePaths
) -> None:
    run(program, paths, "hold", "--for", "2h")
    (paths.holds / "broken.json").write_text("{")
    assert run(program, paths, "hold", "--release") == (0, "Released 1 hold.\n", "")
    assert [path.name for path in paths.holds.iterdir()] == ["broken.json"]
    (paths.holds / "broken.json").unlink()
    assert read_hold_state(paths) is SignalState.QUIET
    process = start(program, paths, "hold", "sh", "-c", "echo begun; exec sleep 61")
    assert process.stdout is not None
    process.stdout.readline()
    assert run(program, paths, "hold", "--release")[1] == "Released 0 holds.\n"
    assert read_hold_state(paths) is SignalState.ACTIVE
    process.terminate()
    process.communicate(timeout=30)


def test_release_leaves_the_holds_of_other_users(
    paths: ProbePaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_hold(["--for", "2h"], paths)
    owner = os.getuid()
    for user, released in ((owner + 1, "Released 0 holds."), (owner, "Released 1 hold.")):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        assert run_hold(["--release"], paths) == 0
        assert released in capsys.readouterr().out


def test_keep_waits_for_the_result_and_prints_it(program: Path, paths: ProbePaths) -> None:
    process = start(program, paths, "keep", "90m")
    assert process.stdout is not None
    process.stdout.readline()
    requests = KeepRequests(paths.keep_requests, paths.keep_results)
    request = requests.find_next_request()
    assert request is not None
    assert request.hours == 1.5
    requests.acknowledge(KeepResult(id=request.id, granted=True, message="kept until 18:00 UTC"))
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "Granted: kept until 18:00 UTC.\n")
    assert requests.find_next_request() is None


@pytest.mark.parametrize(("granted_hours", "is_shortened"), [(10, True), (100, False), (200, False)])
def test_keep_says_that_a_limit_shortened_it(
    program: Path, paths: ProbePaths, granted_hours: int, is_shortened: bool
) -> None:
    paths.status.write_text(json.dumps({"at": format_timestamp(START)}))
    process = start(program, paths, "keep", "100h")
    assert process.stdout is not None
    process.stdout.readline()
    requests = KeepRequests(paths.keep_requests, paths.keep_results)
    request = requests.find_next_request()
    assert request is not None
    until = START + MINUTE + timedelta(hours=granted_hours)
    LastResponse(paths.response).store(HeartbeatResponse(keep_until=until))
    requests.acknowledge(KeepResult(id=request.id, granted=True, message="kept until then"))
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.startswith("Granted: kept until then.\n")
    assert ("earlier than requested" in out and "max_hours" in out and "keep_hours" in out) is is_shortened


def test_keep_without_a_result_in_time_exits_with_status_1(
    paths: ProbePaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_keep(["4h"], paths, wait_seconds=0) == 1
    assert "sends the request again every minute" in capsys.readouterr().err
    requests = KeepRequests(paths.keep_requests, paths.keep_results)
    request = requests.find_next_request()
    assert request is not None
    requests.acknowledge(KeepResult(id=request.id, granted=False, message="its maximum hours are over"))
    assert json.loads((paths.keep_results / f"{request.id}.json").read_text())["granted"] is False


STATUS: dict[str, Any] = {
    "at": "2026-11-23T12:00:00Z",
    "signals": {"gpu": {"state": "quiet", "since": "2026-11-23T11:00:00Z", "reason": "the GPU is below 5 %"}},
    "response": encode_response(
        HeartbeatResponse(
            policy=IdlePolicy(signals=("gpu",)),
            keep_until=datetime.fromtimestamp(1795500000, UTC),
            warning=ActiveWarning(id="idle-1", warning_type="idle", stop_at=datetime.fromtimestamp(1795500000, UTC)),
            keep_result=KeepResult(id="1-a", granted=True, message="kept until then"),
        )
    ),
    "self_stop_at": "2026-11-23T12:10:00Z",
    "missed": 3,
    "last_error": "ThrottlingException",
}


def test_status_prints_signals_policy_and_warnings(paths: ProbePaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_status([], paths) == 1
    assert "systemctl status gpudesk-probe" in capsys.readouterr().err
    paths.status.write_text(json.dumps(STATUS))
    assert run_status([], paths) == 0
    output = capsys.readouterr().out
    for part in (
        "gpu       quiet",
        "below 5 %",
        "30 idle minutes",
        "is kept until",
        "WARNING",
        "3 heartbeats",
        "ThrottlingException",
    ):
        assert part in output


def test_status_prints_nothing_that_a_terminal_obeys(paths: ProbePaths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.status.write_text(json.dumps({**STATUS, "last_error": "\x1b]0;x\a\u202eError"}))
    assert run_status([], paths) == 0
    assert "the last error: Error." in capsys.readouterr().out


def test_history_since_a_time_starts_with_the_state_at_that_time(program: Path, paths: ProbePaths) -> None:
    history = History(paths.history)
    for number in range(5):
        history.write_heartbeat(START + number * MINUTE, {"gpu": QUIET})
    status, out, _ = run(program, paths, "history", "--since", "2026-11-23T12:03Z")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(each["at"][11:16], each["event"]) for each in lines] == [
        ("12:03", "ready"),
        ("12:03", "heartbeat"),
        ("12:04", "heartbeat"),
    ]


def test_history_into_a_closed_pipe_prints_no_traceback(program: Path, paths: ProbePaths) -> None:
    History(paths.history).write_heartbeat(START, {"gpu": QUIET})
    reads, writes = os.pipe()
    os.close(reads)
    environment = {"GPUDESK_STATE": str(paths.root)}
    command = [sys.executable, str(program), "history"]
    found = subprocess.run(command, env=environment, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.fixture
def full_disk(paths: ProbePaths, monkeypatch: pytest.MonkeyPatch) -> ProbePaths:
    """Return the paths on a disk without free space: files can be created, but nothing can be written to them."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ssm_documents.probe.hold_command.os.write", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    return paths


def test_hold_runs_its_command_on_a_full_disk(full_disk: ProbePaths, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_hold(["sh", "-c", "echo worked; exit 3"], full_disk) == 3
    out, errors = capfd.readouterr()
    assert out == "worked\n"
    assert f"gpudesk-hold: The hold could not be written to {full_disk.holds}: No space left on device. Free" in errors
    assert "The command runs without a hold." in errors
    assert list(full_disk.holds.iterdir()) == []


def test_hold_runs_its_command_without_a_folder_for_holds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_hold(["echo", "worked"], ProbePaths(tmp_path)) == 0
    assert capfd.readouterr().out == "worked\n"


def test_locked_hold_without_content_does_not_count_as_quiet(full_disk: ProbePaths) -> None:
    descriptor = os.open(full_disk.holds / "1-2.json", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert read_hold_state(full_disk) is not SignalState.QUIET
    os.close(descriptor)


@pytest.mark.parametrize(
    ("command", "arguments", "subject"),
    [(run_hold, ["--for", "2h"], "gpudesk-hold: The hold"), (run_keep, ["2h"], "gpudesk-keep: The request")],
)
def test_request_on_a_full_disk_fails_with_advice(
    full_disk: ProbePaths,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[Sequence[str], ProbePaths], int],
    arguments: Sequence[str],
    subject: str,
) -> None:
    assert command(arguments, full_disk) == 1
    assert capsys.readouterr().err.startswith(f"{subject} could not be written to {full_disk.root}")


def test_status_that_cannot_be_read_is_named(paths: ProbePaths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.status.mkdir()
    assert run_status([], paths) == 1
    assert capsys.readouterr().err == f"gpudesk-status: {paths.status} cannot be read: Is a directory.\n"
