"""Holds: files that any user may write, locks of living processes, and ends by AWS's time."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.hold import HoldSensor

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def write(folder: Path, name: str, reason: str = "make train", until: str | None = None) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"reason": reason, "until": until}), encoding="utf-8")
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(folder: Path, now: datetime = NOON) -> Reading:
    return HoldSensor(folder, lambda: now).read(Thresholds())


def test_missing_or_empty_folder_is_quiet(tmp_path: Path) -> None:
    assert read(tmp_path) == read(tmp_path / "missing") == Reading(SignalState.QUIET, "no hold is active")


def test_hold_lasts_while_its_command_runs(tmp_path: Path) -> None:
    code = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(write(tmp_path, "a"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert read(tmp_path) == Reading(SignalState.ACTIVE, "held: make train")
        holder.kill()
    assert read(tmp_path).state is SignalState.QUIET


def test_reading_leaves_no_lock(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    read(tmp_path)
    with path.open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_hold_with_an_end_lasts_until_that_time(tmp_path: Path) -> None:
    write(tmp_path, "a", until="2026-11-23T13:30:00+01:00")
    assert read(tmp_path) == Reading(SignalState.ACTIVE, "held until 23 Nov 12:30 UTC: make train")
    assert read(tmp_path, NOON + timedelta(minutes=30)).state is SignalState.QUIET


def test_hold_with_the_latest_end_counts(tmp_path: Path) -> None:
    write(tmp_path, "a", "short", "2026-11-23T12:01:00Z")
    write(tmp_path, "b", "long", "2026-11-23T14:00:00Z")
    write(tmp_path, "c", "over", "2026-11-23T11:00:00Z")
    assert read(tmp_path).reason == "held until 23 Nov 14:00 UTC: long"


def test_without_the_time_only_a_locked_hold_is_readable(tmp_path: Path) -> None:
    def no_time() -> datetime:
        raise OSError("no route")

    write(tmp_path, "a", until="2026-11-23T14:00:00Z")
    sensor = HoldSensor(tmp_path, no_time)
    with pytest.raises(OSError, match="no route"):
        sensor.read(Thresholds())
    with locked(write(tmp_path, "b")):
        assert sensor.read(Thresholds()).state is SignalState.ACTIVE


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        "{}",
        "[" * 4000,
        '{"reason": "x"}',
        '{"reason": "x", "until": 7}',
        '{"reason": "x", "until": "soon"}',
        '{"reason": "x", "until": "2026-11-23T12:00:00"}',
        '{"reason": "x", "until": "9999-12-31T23:59:59-23:59"}',
        '{"reason": "' + "x" * 70_000 + '", "until": null}',
        '{"reason": "\udcff", "until": null}',
    ],
)
def test_invalid_file_is_unknown_and_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert read(tmp_path) == Reading(SignalState.UNKNOWN, "hold bad.json cannot be read")
    with locked(write(tmp_path, "good")):
        assert read(tmp_path).state is SignalState.ACTIVE


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    elsewhere = write(tmp_path, "elsewhere", until="2026-11-23T14:00:00Z")
    makers: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(elsewhere)]
    for number, make in enumerate(makers):
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder / "odd.json")
        assert read(folder) == Reading(SignalState.UNKNOWN, "hold odd.json cannot be read")


def test_pipe_with_a_writer_is_not_a_hold(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "odd.json")
    with (tmp_path / "odd.json").open("r+b", buffering=0) as pipe:
        pipe.write(b'{"reason": "x", "until": "2026-11-23T14:00:00Z"}')
        assert read(tmp_path) == Reading(SignalState.UNKNOWN, "hold odd.json cannot be read")


def test_too_many_files_are_unknown(tmp_path: Path) -> None:
    for number in range(101):
        write(tmp_path, f"{number}", until="2026-11-23T11:00:00Z")
    with locked(tmp_path / "99.json"):
        assert read(tmp_path) == Reading(SignalState.UNKNOWN, "101 holds, only 100 are read")


def test_other_files_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("hello", encoding="utf-8")
    assert read(tmp_path).state is SignalState.QUIET


def test_long_reason_is_shortened_to_one_line(tmp_path: Path) -> None:
    with locked(write(tmp_path, "a", "two\n  lines " + "x" * 200)):
        assert read(tmp_path).reason == f"held: two lines {'x' * 70}"
