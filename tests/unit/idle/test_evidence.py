"""Test how samples are folded into evidence: what continues a run, what starts a new one, what changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.idle.evidence import (
    MAX_CLOCK_STEP_BACK,
    MAX_SAMPLE_GAP,
    Evidence,
    Sample,
    SignalState,
    fold_sample,
)

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def build_sample(
    at: datetime, state: SignalState = SignalState.QUIET, reason: str = "all quiet", boot_id: str = "b1"
) -> Sample:
    return Sample(at=at, state=state, reason=reason, boot_id=boot_id)


def fold_all(*samples: Sample) -> Evidence:
    evidence = fold_sample(None, samples[0])
    for each in samples[1:]:
        evidence = fold_sample(evidence, each)
    return evidence


def test_first_sample_starts_a_run_of_no_duration() -> None:
    assert fold_all(build_sample(START)) == Evidence(
        SignalState.QUIET, since=START, at=START, samples=1, largest_gap=timedelta(0), reason="all quiet", boot_id="b1"
    )


def test_run_continues_while_the_state_stays_the_same() -> None:
    evidence = fold_all(*(build_sample(START + n * MINUTE, reason=f"look {n}") for n in range(10)))
    assert (evidence.since, evidence.at, evidence.samples) == (START, START + 9 * MINUTE, 10)
    assert evidence.largest_gap == MINUTE
    assert evidence.reason == "look 9"


@pytest.mark.parametrize(
    ("second", "starts_new_run"),
    [
        (build_sample(START + MAX_SAMPLE_GAP), False),
        (build_sample(START + MAX_SAMPLE_GAP + SECOND), True),
        (build_sample(START + MINUTE, boot_id="b2"), True),
        (build_sample(START + MINUTE, state=SignalState.ACTIVE), True),
        (build_sample(START + MINUTE, state=SignalState.UNKNOWN), True),
        (build_sample(START - MAX_CLOCK_STEP_BACK), False),
        (build_sample(START - MAX_CLOCK_STEP_BACK - SECOND), True),
    ],
)
def test_gap_reboot_clock_jump_and_new_state_start_a_new_run(second: Sample, starts_new_run: bool) -> None:
    evidence = fold_all(build_sample(START), second)
    assert evidence.since == (second.at if starts_new_run else START)
    assert evidence.samples == (2 if not starts_new_run and second.at > START else 1)


moments = st.integers(min_value=-600, max_value=600).map(lambda seconds: START + timedelta(seconds=seconds))
samples = st.builds(
    build_sample,
    at=moments,
    state=st.sampled_from(SignalState),
    reason=st.text(max_size=5),
    boot_id=st.sampled_from(["b1", "b2"]),
)
histories = st.lists(samples, min_size=1, max_size=30)


@given(histories)
def test_duplicate_of_the_last_sample_changes_nothing(history: list[Sample]) -> None:
    evidence = fold_all(*history)
    last = Sample(evidence.at, evidence.state, evidence.reason, evidence.boot_id)
    assert fold_sample(evidence, last) == evidence
    assert fold_sample(evidence, replace(last, reason="sent again")) == evidence


@given(histories)
def test_run_has_no_gap_no_reboot_and_one_state(history: list[Sample]) -> None:
    evidence = fold_all(*history)
    assert evidence.since <= evidence.at
    assert evidence.largest_gap <= MAX_SAMPLE_GAP
    assert (evidence.samples == 1) == (evidence.since == evidence.at)
    in_run = [item for item in history if evidence.since <= item.at <= evidence.at]
    assert sum(item.state is evidence.state and item.boot_id == evidence.boot_id for item in in_run) >= evidence.samples


@given(histories, samples)
def test_quiet_begins_after_the_last_activity(history: list[Sample], then: Sample) -> None:
    active = replace(then, state=SignalState.ACTIVE, at=max([then.at, *(each.at for each in history)]) + SECOND)
    after = [build_sample(active.at + n * MINUTE, boot_id=active.boot_id) for n in range(1, 4)]
    evidence = fold_all(*history, active, *after)
    assert evidence.state is SignalState.QUIET
    assert evidence.since > active.at


@given(st.lists(st.integers(min_value=1, max_value=180), min_size=1, max_size=40))
def test_run_counts_every_sample_and_its_largest_gap(gaps: list[int]) -> None:
    times = [START]
    for gap in gaps:
        times.append(times[-1] + timedelta(seconds=gap))
    evidence = fold_all(*(build_sample(at) for at in times))
    assert evidence.since == START
    assert evidence.samples == len(times)
    assert evidence.largest_gap == timedelta(seconds=max(gaps))
