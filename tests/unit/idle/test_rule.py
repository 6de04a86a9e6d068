"""Test the idle rule by examples, one per row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.idle.rule import ActivityCriteria, ActivityJudgment, ActivityState, judge_activity

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENABLED_SIGNALS = frozenset({"gpu", "jupyter"})


def build_run(state: SignalState, minutes: float, *, ended: timedelta = timedelta(0), **replaced: object) -> Evidence:
    """Build a run of samples without a gap, one per minute, that ended `ended` ago."""
    at = NOW - ended
    evidence = Evidence(
        state=state,
        since=at - minutes * MINUTE,
        at=at,
        samples=int(minutes) + 1,
        largest_gap=MINUTE if minutes else timedelta(0),
        reason=f"is {state.value}",
        boot_id="b",
    )
    return replace(evidence, **replaced)  # type: ignore[arg-type]


def judge_signals(
    gpu: Evidence | None,
    jupyter: Evidence | None,
    *,
    at: datetime = NOW,
    not_before: datetime = NOW - timedelta(hours=5),
    instance_id: str = "i-1",
) -> ActivityJudgment:
    signals = {name: e for name, e in (("gpu", gpu), ("jupyter", jupyter)) if e}
    return judge_activity(
        Heartbeat(instance_id=instance_id, at=at, signals=signals),
        ActivityCriteria(
            instance_id="i-1",
            enabled_signals=ENABLED_SIGNALS,
            policy=IdlePolicy(idle_minutes=30),
            not_before=not_before,
        ),
        NOW,
    )


QUIET, ACTIVE, UNKNOWN = SignalState.QUIET, SignalState.ACTIVE, SignalState.UNKNOWN


@pytest.mark.parametrize(
    ("gpu", "jupyter", "expected"),
    [
        pytest.param(
            build_run(QUIET, 30), build_run(QUIET, 30), ActivityState.IDLE, id="both signals quiet for the whole window"
        ),
        pytest.param(
            build_run(QUIET, 29.9),
            build_run(QUIET, 200),
            ActivityState.QUIET,
            id="one signal quiet for less than the window",
        ),
        pytest.param(build_run(ACTIVE, 0), build_run(QUIET, 200), ActivityState.BUSY, id="one signal busy"),
        pytest.param(build_run(QUIET, 200), build_run(ACTIVE, 1), ActivityState.BUSY, id="the other signal busy"),
        pytest.param(build_run(UNKNOWN, 200), build_run(QUIET, 200), ActivityState.UNKNOWN, id="one unknown signal"),
        pytest.param(
            build_run(UNKNOWN, 200),
            build_run(ACTIVE, 0),
            ActivityState.BUSY,
            id="one busy signal and one unknown signal",
        ),
        pytest.param(None, build_run(QUIET, 200), ActivityState.UNKNOWN, id="enabled signal missing"),
        pytest.param(None, None, ActivityState.UNKNOWN, id="no signals"),
        pytest.param(
            build_run(QUIET, 200, samples=3), build_run(QUIET, 200), ActivityState.UNKNOWN, id="too few samples"
        ),
        pytest.param(
            build_run(QUIET, 200, largest_gap=4 * MINUTE),
            build_run(QUIET, 200),
            ActivityState.UNKNOWN,
            id="a gap between samples",
        ),
        pytest.param(
            build_run(QUIET, 200, ended=5 * MINUTE),
            build_run(QUIET, 200),
            ActivityState.UNKNOWN,
            id="stale sensor",
        ),
        pytest.param(
            build_run(QUIET, 200, ended=-5 * MINUTE),
            build_run(QUIET, 200),
            ActivityState.UNKNOWN,
            id="a sample from the future",
        ),
        pytest.param(
            build_run(ACTIVE, 5, ended=10 * MINUTE),
            build_run(QUIET, 200),
            ActivityState.UNKNOWN,
            id="old activity sample",
        ),
    ],
)
def test_activity_state_depends_on_every_signal(
    gpu: Evidence | None, jupyter: Evidence | None, expected: ActivityState
) -> None:
    assert judge_signals(gpu, jupyter).state is expected


@pytest.mark.parametrize(
    ("at", "instance_id", "message"),
    [
        (NOW - 4 * MINUTE, "i-1", "4 min ago"),
        (NOW - timedelta(days=3), "i-1", "3 days ago"),
        (NOW + 3 * MINUTE, "i-1", "in the future"),
        (NOW, "i-2", "another instance"),
    ],
)
def test_stale_future_or_foreign_heartbeat_is_unknown(at: datetime, instance_id: str, message: str) -> None:
    judgment = judge_signals(build_run(QUIET, 200), build_run(QUIET, 200), at=at, instance_id=instance_id)
    assert judgment.state is ActivityState.UNKNOWN
    assert message in judgment.reason.message


def test_idle_window_does_not_begin_before_ready() -> None:
    judgment = judge_signals(build_run(QUIET, 200), build_run(QUIET, 200), not_before=NOW - 10 * MINUTE)
    assert judgment.state is ActivityState.QUIET
    assert judgment.quiet_since == NOW - 10 * MINUTE


@pytest.mark.parametrize("report", [None, UnreadableHeartbeat("KeyError: 'signals'")])
def test_missing_and_unreadable_heartbeats_are_unknown(report: UnreadableHeartbeat | None) -> None:
    judgment = judge_activity(
        report,
        ActivityCriteria(
            instance_id="i-1", enabled_signals=ENABLED_SIGNALS, policy=IdlePolicy(), not_before=NOW - 60 * MINUTE
        ),
        NOW,
    )
    assert judgment.state is ActivityState.UNKNOWN


def test_busy_reason_names_the_signal_and_its_age() -> None:
    observation = build_run(ACTIVE, 3, ended=timedelta(seconds=40), reason="kernel train.ipynb executes a cell")
    message = judge_signals(build_run(QUIET, 30), observation).reason.message
    assert message == "Busy: kernel train.ipynb executes a cell (40 s ago)."
