"""Samples folded into evidence: what goes on, what is void, what changes nothing."""

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


def sample(
    at: datetime, state: SignalState = SignalState.QUIET, reason: str = "all quiet", boot_id: str = "b1"
) -> Sample:
    return Sample(at=at, state=state, reason=reason, boot_id=boot_id)


def folded(*samples: Sample) -> Evidence:
    evidence = fold_sample(None, samples[0])
    for each in samples[1:]:
        evidence = fold_sample(evidence, each)
    return evidence


def test_a_first_sample_is_evidence_of_its_own_moment_only() -> None:
    assert folded(sample(START)) == Evidence(
        SignalState.QUIET, since=START, at=START, samples=1, largest_gap=timedelta(0), reason="all quiet", boot_id="b1"
    )


def test_the_run_goes_on_while_the_state_stays() -> None:
    evidence = folded(*(sample(START + n * MINUTE, reason=f"look {n}") for n in range(10)))
    assert (evidence.since, evidence.at, evidence.samples) == (START, START + 9 * MINUTE, 10)
    assert evidence.largest_gap == MINUTE
    assert evidence.reason == "look 9"


@pytest.mark.parametrize(
    ("second", "voids"),
    [
        (sample(START + MAX_SAMPLE_GAP), False),
        (sample(START + MAX_SAMPLE_GAP + SECOND), True),
        (sample(START + MINUTE, boot_id="b2"), True),
        (sample(START + MINUTE, state=SignalState.ACTIVE), True),
        (sample(START + MINUTE, state=SignalState.UNKNOWN), True),
        (sample(START - MAX_CLOCK_STEP_BACK), False),
        (sample(START - MAX_CLOCK_STEP_BACK - SECOND), True),
    ],
)
def test_a_gap_a_reboot_a_jump_back_and_another_state_void_since(second: Sample, voids: bool) -> None:
    evidence = folded(sample(START), second)
    assert evidence.since == (second.at if voids else START)
    assert evidence.samples == (2 if not voids and second.at > START else 1)


moments = st.integers(min_value=-600, max_value=600).map(lambda seconds: START + timedelta(seconds=seconds))
samples = st.builds(
    sample,
    at=moments,
    state=st.sampled_from(SignalState),
    reason=st.text(max_size=5),
    boot_id=st.sampled_from(["b1", "b2"]),
)
histories = st.lists(samples, min_size=1, max_size=30)


@given(histories)
def test_a_duplicate_of_the_last_sample_changes_nothing(history: list[Sample]) -> None:
    evidence = folded(*history)
    last = Sample(evidence.at, evidence.state, evidence.reason, evidence.boot_id)
    assert fold_sample(evidence, last) == evidence
    assert fold_sample(evidence, replace(last, reason="told again")) == evidence


@given(histories)
def test_a_run_never_reaches_over_what_voids_it(history: list[Sample]) -> None:
    evidence = folded(*history)
    assert evidence.since <= evidence.at
    assert evidence.largest_gap <= MAX_SAMPLE_GAP
    assert (evidence.samples == 1) == (evidence.since == evidence.at)
    within = [each for each in history if evidence.since <= each.at <= evidence.at]
    assert sum(each.state is evidence.state and each.boot_id == evidence.boot_id for each in within) >= evidence.samples


@given(histories, samples)
def test_an_activity_that_was_seen_is_never_called_quiet_since_before_it(history: list[Sample], then: Sample) -> None:
    active = replace(then, state=SignalState.ACTIVE, at=max([then.at, *(each.at for each in history)]) + SECOND)
    after = [sample(active.at + n * MINUTE, boot_id=active.boot_id) for n in range(1, 4)]
    evidence = folded(*history, active, *after)
    assert evidence.state is SignalState.QUIET
    assert evidence.since > active.at


@given(st.lists(st.integers(min_value=1, max_value=180), min_size=1, max_size=40))
def test_an_unbroken_run_counts_every_sample_and_its_widest_gap(gaps: list[int]) -> None:
    times = [START]
    for gap in gaps:
        times.append(times[-1] + timedelta(seconds=gap))
    evidence = folded(*(sample(at) for at in times))
    assert evidence.since == START
    assert evidence.samples == len(times)
    assert evidence.largest_gap == timedelta(seconds=max(gaps))
