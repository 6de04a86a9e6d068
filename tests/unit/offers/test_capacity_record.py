"""What the memory of capacity keeps, for how long, and what follows from it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.offers.capacity_record import (
    FIRST_AVOIDANCE,
    HALF_LIFE,
    HINT_WEIGHT,
    HOURS_OF_WEEK,
    LONGEST_AVOIDANCE,
    MAX_RECENT,
    MAX_TALLY,
    MAX_TRIED_HOURS,
    CapacityRecord,
    Result,
    add_result,
    decay,
    replay,
)
from chalicelib.domain.offers.likelihood import estimate_likelihood

MONDAY = datetime.fromisoformat("2026-06-01T09:10:00+00:00")
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
RESULTS = st.lists(st.tuples(st.sampled_from(Result), st.integers(0, 5_000)), max_size=60)


def build_record(results: list[tuple[Result, int]]) -> tuple[CapacityRecord, datetime]:
    """Return the record of results, each some minutes after the one before, and the time of the last one."""
    record, at = CapacityRecord(), MONDAY
    for result, minutes in results:
        at += timedelta(minutes=minutes)
        record = add_result(record, result, at)
    return record, at


@given(RESULTS)
def test_record_has_a_limited_size(results: list[tuple[Result, int]]) -> None:
    record, _ = build_record(results)
    assert len(record.tallies) <= HOURS_OF_WEEK
    assert len(record.recent) <= MAX_RECENT
    assert len(record.tried_hours) <= MAX_TRIED_HOURS
    assert all(tally.launched + tally.refused <= MAX_TALLY + 1e-9 for tally in record.tallies.values())


@given(RESULTS, st.integers(0, 10_000))
def test_launch_never_lowers_the_likelihood_and_a_refusal_never_raises_it(
    results: list[tuple[Result, int]], minutes: int
) -> None:
    record, at = build_record(results)
    now = at + timedelta(minutes=minutes)
    before = estimate_likelihood(record, now).value
    assert 0 <= before <= 1
    assert estimate_likelihood(add_result(record, Result.REFUSED, now), now).value <= before + 1e-9
    assert estimate_likelihood(add_result(record, Result.LAUNCHED, now), now).value >= before - 1e-9


@given(RESULTS, st.integers(0, 10_000))
def test_hint_counts_less_than_a_launch_and_more_than_nothing(results: list[tuple[Result, int]], minutes: int) -> None:
    record, at = build_record(results)
    now = at + timedelta(minutes=minutes)
    hour = {result: add_result(record, result, now).tallies[now.weekday() * 24 + now.hour] for result in Result}
    hinted, launched = hour[Result.HINTED], hour[Result.LAUNCHED]
    assert hinted.launched / (hinted.launched + hinted.refused) > 0
    assert hinted.launched < launched.launched
    assert HINT_WEIGHT < 1


@given(RESULTS)
def test_avoidance_ends_within_its_limit_and_with_a_success(results: list[tuple[Result, int]]) -> None:
    record, at = build_record(results)
    assert not record.is_avoided(at + LONGEST_AVOIDANCE)
    assert not add_result(record, Result.LAUNCHED, at).is_avoided(at)
    assert not add_result(record, Result.HINTED, at).is_avoided(at)
    assert add_result(record, Result.REFUSED, at).is_avoided(at)


def test_each_refusal_in_a_row_doubles_the_avoidance() -> None:
    record = replay([(Result.REFUSED, MONDAY)] * 3)
    assert record.avoided_until == MONDAY + 4 * FIRST_AVOIDANCE
    assert replay([(Result.REFUSED, MONDAY)] * 30).avoided_until == MONDAY + LONGEST_AVOIDANCE


def test_results_lose_half_of_their_weight_in_the_half_life() -> None:
    (tally,) = replay([(Result.LAUNCHED, MONDAY)]).tallies.values()
    assert decay(tally, MONDAY + HALF_LIFE).launched == pytest.approx(0.5)


def test_same_hour_of_earlier_weeks_counts_more_than_the_hours_between() -> None:
    mornings = [(Result.REFUSED, MONDAY + number * WEEK) for number in range(4)]
    evenings = [(Result.LAUNCHED, MONDAY + number * WEEK + 10 * HOUR) for number in range(4)]
    record = replay(sorted([*mornings, *evenings], key=lambda each: each[1]))
    morning = estimate_likelihood(record, MONDAY + 4 * WEEK).value
    evening = estimate_likelihood(record, MONDAY + 4 * WEEK + 10 * HOUR).value
    assert morning < 0.35
    assert evening > 0.65


def test_evidence_names_the_last_results_and_the_last_refusal() -> None:
    record = replay([(Result.REFUSED, MONDAY), *((Result.LAUNCHED, MONDAY + number * HOUR) for number in range(1, 10))])
    evidence = estimate_likelihood(record, MONDAY + WEEK).evidence
    assert evidence == "launched in 9 of 10 tries, the last 6 days ago, last refused Monday 09:10 UTC"
    assert estimate_likelihood(CapacityRecord(), MONDAY).evidence == ""
    one = replay([(Result.LAUNCHED, MONDAY)])
    assert estimate_likelihood(one, MONDAY).evidence == "launched in its only try, 0 s ago"


def test_evidence_says_why_the_same_results_make_another_likelihood() -> None:
    record = replay([(Result.LAUNCHED, MONDAY - number * WEEK / 9) for number in (2, 1, 0)])
    new, old = (estimate_likelihood(record, MONDAY + age * HOUR) for age in (0, 8))
    assert (round(new.value, 2), new.evidence) == (1.0, "launched in 3 of 3 tries, the last 0 s ago")
    assert (round(old.value, 2), old.evidence) == (0.54, "launched in 3 of 3 tries, the last 8 h ago")
    refused = estimate_likelihood(replay([(Result.LAUNCHED, MONDAY - HOUR), (Result.REFUSED, MONDAY)]), MONDAY)
    assert (refused.value, refused.evidence) == (0.0, "launched in 1 of 2 tries, refused in the last, 0 s ago")
