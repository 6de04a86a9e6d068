"""The idle rule by examples: a row a case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.idle.rule import ActivityCriteria, ActivityJudgment, ActivityState, judge_activity

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNTED = frozenset({"gpu", "jupyter"})


def run(state: SignalState, minutes: float, *, ended: timedelta = timedelta(0), **replaced: object) -> Evidence:
    """A gapless run of samples a minute apart that ended `ended` ago."""
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


def judged(
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
            enabled_signals=COUNTED,
            policy=IdlePolicy(idle_minutes=30),
            not_before=not_before,
        ),
        NOW,
    )


QUIET, ACTIVE, UNKNOWN = SignalState.QUIET, SignalState.ACTIVE, SignalState.UNKNOWN


@pytest.mark.parametrize(
    ("gpu", "jupyter", "expected"),
    [
        pytest.param(run(QUIET, 30), run(QUIET, 30), ActivityState.IDLE, id="quiet through the whole window"),
        pytest.param(run(QUIET, 29.9), run(QUIET, 200), ActivityState.QUIET, id="one signal a moment too short"),
        pytest.param(run(ACTIVE, 0), run(QUIET, 200), ActivityState.BUSY, id="one busy signal is enough"),
        pytest.param(run(QUIET, 200), run(ACTIVE, 1), ActivityState.BUSY, id="the other one too"),
        pytest.param(run(UNKNOWN, 200), run(QUIET, 200), ActivityState.UNKNOWN, id="unknown is not quiet"),
        pytest.param(
            run(UNKNOWN, 200), run(ACTIVE, 0), ActivityState.BUSY, id="busy is busy, whatever else is unknown"
        ),
        pytest.param(None, run(QUIET, 200), ActivityState.UNKNOWN, id="a counted signal that is not reported"),
        pytest.param(None, None, ActivityState.UNKNOWN, id="no signals at all"),
        pytest.param(run(QUIET, 200, samples=3), run(QUIET, 200), ActivityState.UNKNOWN, id="too few samples"),
        pytest.param(
            run(QUIET, 200, largest_gap=4 * MINUTE), run(QUIET, 200), ActivityState.UNKNOWN, id="a gap between samples"
        ),
        pytest.param(
            run(QUIET, 200, ended=5 * MINUTE), run(QUIET, 200), ActivityState.UNKNOWN, id="a sensor that went stale"
        ),
        pytest.param(
            run(QUIET, 200, ended=-5 * MINUTE), run(QUIET, 200), ActivityState.UNKNOWN, id="a sample from the future"
        ),
        pytest.param(
            run(ACTIVE, 5, ended=10 * MINUTE), run(QUIET, 200), ActivityState.UNKNOWN, id="activity of long ago"
        ),
    ],
)
def test_the_verdict(gpu: Evidence | None, jupyter: Evidence | None, expected: ActivityState) -> None:
    assert judged(gpu, jupyter).state is expected


@pytest.mark.parametrize(
    ("at", "instance_id", "words"),
    [
        (NOW - 4 * MINUTE, "i-1", "4 min ago"),
        (NOW + 3 * MINUTE, "i-1", "in the future"),
        (NOW, "i-2", "another instance"),
    ],
)
def test_a_report_that_is_stale_or_ahead_or_another_s_is_unknown(at: datetime, instance_id: str, words: str) -> None:
    judgement = judged(run(QUIET, 200), run(QUIET, 200), at=at, instance_id=instance_id)
    assert judgement.state is ActivityState.UNKNOWN
    assert words in judgement.reason.message


def test_the_window_does_not_begin_before_it_was_ready() -> None:
    judgement = judged(run(QUIET, 200), run(QUIET, 200), not_before=NOW - 10 * MINUTE)
    assert judgement.state is ActivityState.QUIET
    assert judgement.quiet_since == NOW - 10 * MINUTE


@pytest.mark.parametrize("report", [None, UnreadableHeartbeat("KeyError: 'signals'")])
def test_no_report_and_an_unreadable_one_are_unknown(report: UnreadableHeartbeat | None) -> None:
    judgement = judge_activity(
        report,
        ActivityCriteria(instance_id="i-1", enabled_signals=COUNTED, policy=IdlePolicy(), not_before=NOW - 60 * MINUTE),
        NOW,
    )
    assert judgement.state is ActivityState.UNKNOWN


def test_the_reason_names_what_is_busy_and_how_long_ago_it_was_seen() -> None:
    observation = run(ACTIVE, 3, ended=timedelta(seconds=40), reason="kernel train.ipynb executes a cell")
    message = judged(run(QUIET, 30), observation).reason.message
    assert message == "busy: kernel train.ipynb executes a cell (40 s ago)"
