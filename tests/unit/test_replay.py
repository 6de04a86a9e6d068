"""`make replay`: what a history may say, what is refused of it, and what the desk would have done."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.activity.policy import SIGNALS
from tools.replay.__main__ import main

READY_AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def moment(minutes: float) -> str:
    return (READY_AT + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def event(minutes: float, name: str, **more: object) -> str:
    return json.dumps({"at": moment(minutes), "event": name, **more})


def beat(minutes: float, state: str = "quiet", **others: str) -> str:
    """One sample of each signal; `others` are in another state."""
    signals = {name: {"state": others.get(name, state), "reason": name} for name in SIGNALS}
    return event(minutes, "heartbeat", signals=signals)


def quiet(first: int, last: int) -> list[str]:
    return [beat(minute) for minute in range(first, last + 1)]


def played(folder: Path, lines: Iterable[str], policy: str | None = None) -> tuple[int, str, str]:
    """The exit status, what is on stdout, and what is on stderr."""
    history = folder / "history.jsonl"
    history.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    arguments = [str(history)]
    if policy is not None:
        (folder / "policy.json").write_text(policy, encoding="utf-8")
        arguments.append(str(folder / "policy.json"))
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def actions(folder: Path, lines: Iterable[str]) -> list[tuple[str, str]]:
    """What the desk would have done, by the clock, where nothing else was to be said."""
    status, out, err = played(folder, lines)
    assert (status, err) == (0, "")
    return [(each["at"][11:16], each["action"]) for each in map(json.loads, out.splitlines())]


WARNED_AND_STOPPED = [("10:30", "warn"), ("10:40", "stop")]


def test_a_window_of_quiet_is_warned_of_and_then_stopped(tmp_path: Path) -> None:
    assert actions(tmp_path, [event(0, "ready"), *quiet(0, 50)]) == WARNED_AND_STOPPED


@pytest.mark.parametrize("at", ["2026-01-05T10:00:00Z", "2026-01-05T10:00Z", "2026-01-05T10:00:00.000+00:00"])
def test_a_moment_is_said_in_utc(tmp_path: Path, at: str) -> None:
    assert actions(tmp_path, [json.dumps({"at": at, "event": "ready"}), *quiet(0, 40)]) == WARNED_AND_STOPPED


def test_a_sample_needs_no_reason(tmp_path: Path) -> None:
    lines = [event(m, "heartbeat", signals={name: {"state": "quiet"} for name in SIGNALS}) for m in range(41)]
    assert actions(tmp_path, [event(0, "ready"), *lines]) == WARNED_AND_STOPPED


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"at": "2026-01-05T10:00:00Z", "event": "end", "event": "ready"}', 'says "event" twice'),
        (
            '{"at": "2026-01-05T10:00:00Z", "event": "heartbeat", '
            '"signals": {"gpu": {"state": "quiet", "state": "active"}}}',
            'says "state" twice',
        ),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": [NaN]}', "NaN is no number"),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": -Infinity}', "-Infinity is no number"),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": 1e999}', "a number that is too large (1e999)"),
        (f'{{"at": "2026-01-05T10:00:00Z", "event": {"9" * 5000}}}', "a number of 5000 digits, which are too many"),
        (f'{{"at": "2026-01-05T10:00:00Z", "event": {"[" * 100_000}}}', "is nested too deeply"),
        ('{"at": "2026-W02-1T10:00:00Z", "event": "ready"}', 'at is "2026-W02-1T10:00:00Z"; must be an ISO 8601'),
        ('{"at": "20260105T100000Z", "event": "ready"}', 'at is "20260105T100000Z"; must be an ISO 8601'),
        ('{"at": "2026-01-05T10:00:00", "event": "ready"}', 'at is "2026-01-05T10:00:00"; must be an ISO 8601'),
        ('{"at": "2026-01-05T10:00:00+01:00", "event": "ready"}', "which is not UTC"),
        ('{"at": "2026-02-30T10:00:00Z", "event": "ready"}', "must be an ISO 8601 time in UTC"),
        ('{"at": 1767607200, "event": "ready"}', "at is 1767607200; must be an ISO 8601"),
        ('{"event": "ready"}', "at is missing"),
        ('{"at": "2026-01-05T10:00:00Z", "event": "stop"}', 'event is "stop"; must be one of ready'),
        ('{"at": "2026-01-05T10:00:00Z", "event": "keep", "until": "20260105T120000Z"}', "until is"),
        ('{"at": "2026-01-05T10:00:00Z"', "is no JSON ("),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_played(tmp_path: Path, line: str, why: str) -> None:
    status, out, err = played(tmp_path, [event(-1, "ready"), line, *quiet(0, 50)])
    assert (status, out) == (1, "")
    assert "history.jsonl: line 2: " in err
    assert why in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ('{"idle_minutes": 30, "idle_minutes": 60}', 'says "idle_minutes" twice'),
        ('{"thresholds": {"gpu_percent": 5, "gpu_percent": 6}}', 'says "gpu_percent" twice'),
        ('{"idle_minutes": NaN}', "NaN is no number"),
        (f'{{"idle_minutes": {"9" * 5000}}}', "a number of 5000 digits"),
        ("[" * 100_000, "is nested too deeply"),
        ("{", "is no JSON"),
    ],
)
def test_a_policy_that_two_could_read_in_two_ways_is_refused(tmp_path: Path, policy: str, why: str) -> None:
    status, out, err = played(tmp_path, [event(0, "ready")], policy)
    assert (status, out) == (1, "")
    assert why in err


def test_whoever_reads_only_the_first_line_ends_nothing_in_a_traceback(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text("\n".join([event(0, "ready"), *quiet(0, 50)]))
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "tools.replay", str(history)]
    found = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (found.returncode, found.stderr) == (0, "")
