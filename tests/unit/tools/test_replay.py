"""`make replay`: accepted and refused histories, and the resulting actions."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.idle.policy import SIGNALS
from tools.replay.__main__ import main

READY_AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def format_time(minutes: float) -> str:
    return (READY_AT + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def build_event(minutes: float, name: str, **more: object) -> str:
    return json.dumps({"at": format_time(minutes), "event": name, **more})


def build_heartbeat(minutes: float, state: str = "quiet", **others: str) -> str:
    """Return a history line with one sample of each signal.

    :param others: states of signals that differ from `state`
    """
    signals = {name: {"state": others.get(name, state), "reason": name} for name in SIGNALS}
    return build_event(minutes, "heartbeat", signals=signals)


def build_quiet_heartbeats(first: int, last: int) -> list[str]:
    return [build_heartbeat(minute) for minute in range(first, last + 1)]


def run_replay(folder: Path, lines: Iterable[str], policy: str | None = None) -> tuple[int, str, str]:
    """Run the tool, and return its exit status, stdout and stderr."""
    history = folder / "history.jsonl"
    history.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    arguments = [str(history)]
    if policy is not None:
        (folder / "policy.json").write_text(policy, encoding="utf-8")
        arguments.append(str(folder / "policy.json"))
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def replay_actions(folder: Path, lines: Iterable[str]) -> list[tuple[str, str]]:
    """Replay without an error, and return time and name of each action."""
    status, out, err = run_replay(folder, lines)
    assert (status, err) == (0, "")
    return [(each["at"][11:16], each["action"]) for each in map(json.loads, out.splitlines())]


WARNED_AND_STOPPED = [("10:30", "warn"), ("10:40", "stop")]


def test_quiet_window_leads_to_a_warning_and_a_stop(tmp_path: Path) -> None:
    assert replay_actions(tmp_path, [build_event(0, "ready"), *build_quiet_heartbeats(0, 50)]) == WARNED_AND_STOPPED


@pytest.mark.parametrize("opening", ["ready", "setup_ended"])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_window_starts_at_ready_although_the_first_sample_is_later(tmp_path: Path, opening: str, first: int) -> None:
    before = [
        build_event(-20, "ready"),
        build_event(-20, "setup_started"),
        *[build_heartbeat(-minute, "active") for minute in range(9, 0, -1)],
    ]
    lines = [*(before if opening == "setup_ended" else ()), build_event(0, opening), *build_quiet_heartbeats(first, 50)]
    assert replay_actions(tmp_path, lines) == WARNED_AND_STOPPED


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([build_heartbeat(3.1), *build_quiet_heartbeats(4, 60)], "10:34"),
        ([build_heartbeat(1, gpu="active"), *build_quiet_heartbeats(2, 60)], "10:32"),
        ([build_heartbeat(1, gpu="unknown"), *build_quiet_heartbeats(2, 60)], "10:32"),
        ([build_event(1, "heartbeat", signals={"gpu": {"state": "active"}}), *build_quiet_heartbeats(2, 60)], "10:32"),
        ([build_heartbeat(0, gpu="active"), *build_quiet_heartbeats(1, 60)], "10:31"),
        ([build_heartbeat(1), *build_quiet_heartbeats(5, 60)], "10:35"),
    ],
)
def test_window_does_not_reach_back_over_a_gap_or_activity(tmp_path: Path, first: list[str], expected: str) -> None:
    assert replay_actions(tmp_path, [build_event(0, "ready"), *first])[0] == (expected, "warn")


def test_sample_before_ready_does_not_affect_the_window(tmp_path: Path) -> None:
    assert (
        replay_actions(
            tmp_path, [build_heartbeat(-1, "active"), build_event(0, "ready"), *build_quiet_heartbeats(1, 50)]
        )
        == WARNED_AND_STOPPED
    )


def test_events_within_a_minute_are_found_by_the_next_sweep(tmp_path: Path) -> None:
    late = [build_event(0.5, "ready"), *(build_heartbeat(minute + 0.5) for minute in range(50))]
    assert replay_actions(tmp_path, late) == [("10:31", "warn"), ("10:41", "stop")]


def test_activity_is_not_judged_during_a_setup(tmp_path: Path) -> None:
    lines = [
        build_event(0, "ready"),
        *build_quiet_heartbeats(0, 9),
        build_event(10, "setup_started"),
        *build_quiet_heartbeats(10, 59),
        build_event(60, "setup_ended"),
    ]
    assert replay_actions(tmp_path, [*lines, *build_quiet_heartbeats(61, 100)]) == [
        ("11:30", "warn"),
        ("11:40", "stop"),
    ]


def test_setup_from_before_ready_continues(tmp_path: Path) -> None:
    lines = [
        build_event(-5, "setup_started"),
        build_event(0, "ready"),
        *build_quiet_heartbeats(0, 59),
        build_event(60, "setup_ended"),
    ]
    assert replay_actions(tmp_path, [*lines, *build_quiet_heartbeats(61, 100)]) == [
        ("11:30", "warn"),
        ("11:40", "stop"),
    ]


def test_probe_restarted_by_its_own_document_ends_the_setup(tmp_path: Path) -> None:
    begun = [build_event(-3, "ready"), build_event(-3, "setup_started"), build_heartbeat(-3)]
    assert (
        replay_actions(tmp_path, [*begun, build_event(0, "ready"), *build_quiet_heartbeats(0, 50)])
        == WARNED_AND_STOPPED
    )


@pytest.mark.parametrize(
    "between",
    [
        [build_event(0, "ready")],
        [build_event(-30, "setup_started"), build_event(-1, "setup_ended"), build_event(0, "ready")],
        [build_event(-40, "ready"), build_event(-30, "stopped_outside"), build_event(0, "ready")],
        [
            build_event(-40, "ready"),
            build_event(-39, "keep", until=format_time(20)),
            build_event(-30, "stopped_outside"),
            build_event(0, "ready"),
        ],
    ],
)
def test_keep_lasts_until_its_end_through_starts_and_stops(tmp_path: Path, between: list[str]) -> None:
    kept = [build_event(-60, "keep", until=format_time(90)), *between, *build_quiet_heartbeats(0, 120)]
    assert replay_actions(tmp_path, kept) == [("11:30", "warn"), ("11:40", "stop")]


def test_keep_before_ready_extends_the_lifetime(tmp_path: Path) -> None:
    lines = [
        build_event(-5, "keep", until=format_time(150)),
        build_event(0, "ready"),
        *(build_heartbeat(m, "active") for m in range(160)),
    ]
    history, policy = tmp_path / "kept", '{"max_hours": 1}'
    history.mkdir()
    _, out, _ = run_replay(history, lines, policy)
    assert [json.loads(line)["at"][11:16] for line in out.splitlines()] == ["12:20", "12:30"]


def test_keep_in_the_past_changes_nothing(tmp_path: Path) -> None:
    lines = [
        build_event(-60, "keep", until=format_time(-61)),
        build_event(-50, "keep", until=format_time(-40)),
        build_event(0, "ready"),
    ]
    assert replay_actions(tmp_path, [*lines, *build_quiet_heartbeats(0, 50)]) == WARNED_AND_STOPPED


@pytest.mark.parametrize("at", ["2026-01-05T10:00:00Z", "2026-01-05T10:00Z", "2026-01-05T10:00:00.000+00:00"])
def test_times_in_utc_are_accepted_in_several_forms(tmp_path: Path, at: str) -> None:
    assert (
        replay_actions(tmp_path, [json.dumps({"at": at, "event": "ready"}), *build_quiet_heartbeats(0, 40)])
        == WARNED_AND_STOPPED
    )


def test_sample_without_a_reason_is_accepted(tmp_path: Path) -> None:
    lines = [build_event(m, "heartbeat", signals={name: {"state": "quiet"} for name in SIGNALS}) for m in range(41)]
    assert replay_actions(tmp_path, [build_event(0, "ready"), *lines]) == WARNED_AND_STOPPED


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"at": "2026-01-05T10:00:00Z", "event": "end", "event": "ready"}', 'repeats the field "event"'),
        (
            '{"at": "2026-01-05T10:00:00Z", "event": "heartbeat", '
            '"signals": {"gpu": {"state": "quiet", "state": "active"}}}',
            'repeats the field "state"',
        ),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": [NaN]}', "NaN is not a JSON number"),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": -Infinity}', "-Infinity is not a JSON number"),
        ('{"at": "2026-01-05T10:00:00Z", "event": "ready", "more": 1e999}', "a number that is too large (1e999)"),
        (
            f'{{"at": "2026-01-05T10:00:00Z", "event": {"9" * 5000}}}',
            "contains a number of 5000 digits; the maximum is 4000",
        ),
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
        ('{"at": "2026-01-05T10:00:00Z"', "is not valid JSON ("),
    ],
)
def test_malformed_line_is_named_and_nothing_is_replayed(tmp_path: Path, line: str, why: str) -> None:
    status, out, err = run_replay(tmp_path, [build_event(-1, "ready"), line, *build_quiet_heartbeats(0, 50)])
    assert (status, out) == (1, "")
    assert "history.jsonl: line 2: " in err
    assert why in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ('{"idle_minutes": 30, "idle_minutes": 60}', 'repeats the field "idle_minutes"'),
        ('{"thresholds": {"gpu_percent": 5, "gpu_percent": 6}}', 'repeats the field "gpu_percent"'),
        ('{"idle_minutes": NaN}', "NaN is not a JSON number"),
        (f'{{"idle_minutes": {"9" * 5000}}}', "a number of 5000 digits"),
        ("[" * 100_000, "is nested too deeply"),
        ("{", "is not valid JSON"),
    ],
)
def test_ambiguous_policy_is_refused(tmp_path: Path, policy: str, why: str) -> None:
    status, out, err = run_replay(tmp_path, [build_event(0, "ready")], policy)
    assert (status, out) == (1, "")
    assert why in err


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "has no lines, so nothing was judged; a history needs"),
        (["", " "], "has no lines, so nothing was judged; a history needs"),
        (build_quiet_heartbeats(0, 60), 'has no line with "event": "ready", so nothing was judged; a history needs'),
        (
            [build_event(0, "ready"), build_event(9, "end")],
            'has no line with "event": "heartbeat", so nothing was judged',
        ),
        (
            [build_event(0, "ready"), build_event(3, "setup_started"), *build_quiet_heartbeats(3, 60)],
            'has no "setup_ended" or "ready" after the "setup_started" of 2026-01-05T10:03:00Z, so nothing was judged',
        ),
    ],
)
def test_gaps_of_a_history_are_named(tmp_path: Path, lines: list[str], why: str) -> None:
    status, out, err = run_replay(tmp_path, lines)
    assert (status, out) == (0, "")
    assert f"history.jsonl: {why}" in err
    assert err.count("\n") == 1


def list_hours(out: str) -> list[tuple[float, str]]:
    """Return the hours since ready and the name of each action."""
    actions = map(json.loads, out.splitlines())
    return [((datetime.fromisoformat(each["at"]) - READY_AT) / timedelta(hours=1), each["action"]) for each in actions]


def test_max_hours_above_the_limit_of_the_desk_are_replayed(tmp_path: Path) -> None:
    # A silent probe: sweeps without a heartbeat are skipped until the end of the lifetime, so this takes no time.
    history = [build_event(0, "ready"), build_heartbeat(0, "active"), build_event(101 * 60, "end")]
    status, out, err = run_replay(tmp_path, history, '{"max_hours": 100, "warning_minutes": 30}')
    assert (status, err) == (0, "")
    assert list_hours(out)[-2:] == [(99.5, "warn"), (100, "stop")]


def test_idle_window_above_the_limit_of_the_desk_is_replayed(tmp_path: Path) -> None:
    history = [build_event(0, "ready"), *build_quiet_heartbeats(0, 400)]
    status, out, err = run_replay(tmp_path, history, '{"idle_minutes": 300, "warning_minutes": 90}')
    assert (status, err) == (0, "")
    assert list_hours(out) == [(5, "warn"), (6.5, "stop")]


def test_replay_without_actions_says_so(tmp_path: Path) -> None:
    status, out, err = run_replay(tmp_path, [build_event(0, "ready"), *build_quiet_heartbeats(0, 9)])
    assert (status, out) == (0, "")
    assert err.endswith("history.jsonl: gpudesk would have done nothing\n")


def test_closed_output_causes_no_traceback(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text("\n".join([build_event(0, "ready"), *build_quiet_heartbeats(0, 50)]))
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "tools.replay", str(history)]
    found = subprocess.run(command, env={}, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (found.returncode, found.stderr) == (0, "")


def test_reasons_name_the_instance_in_plain_words(tmp_path: Path) -> None:
    _, out, _ = run_replay(tmp_path, [build_event(0, "ready"), *build_quiet_heartbeats(0, 50)])
    warning, stop = (json.loads(line)["reason"] for line in out.splitlines())
    assert warning.startswith("The instance will be stopped at 10:40 UTC.")
    assert "To keep the instance running" in warning
    assert "Warned at 10:30 UTC by a simulated channel." in stop


def test_file_that_is_not_a_history_has_a_few_errors_and_their_count(tmp_path: Path) -> None:
    status, _, err = run_replay(tmp_path, ["this is text"] * 100)
    lines = err.splitlines()
    assert (status, len(lines)) == (1, 6)
    assert lines[0].endswith("line 1: is not valid JSON (a value is missing, column 1); must be a JSON object")
    assert lines[5].endswith("in total, 100 lines are malformed")


def test_all_problems_of_a_policy_are_reported_at_once(tmp_path: Path) -> None:
    policy = '{"idle_minutes": 1, "max_hours": "x", "colour": 1, "signals": ["gpu"], "thresholds": {"gpu_percent": 0}}'
    status, _, err = run_replay(tmp_path, [build_event(0, "ready")], policy)
    problems = [line.partition("policy.json: ")[2].partition(" ")[0] for line in err.splitlines()]
    assert status == 1
    assert sorted(problems) == ["colour", "idle_minutes", "max_hours", "thresholds.gpu_percent"]


def test_warning_minutes_are_not_compared_with_idle_minutes_that_are_no_number(tmp_path: Path) -> None:
    policy = '{"idle_minutes": "x", "warning_minutes": 50}'
    _, _, err = run_replay(tmp_path, [build_event(0, "ready")], policy)
    assert err.endswith('policy.json: idle_minutes must be a whole number, not "x"\n')
    assert err.count("\n") == 1
