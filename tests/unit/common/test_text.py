"""Test the texts that messages are built from."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.domain.common.text import (
    ensure_period,
    format_age,
    format_date_time,
    format_duration,
    format_message,
    format_time,
    format_timestamp,
    join_and,
    join_or,
    pluralize,
)


@pytest.mark.parametrize(
    ("items", "expected"), [([1], "1"), ([1, 4], "1 and 4"), ((1, 4, 8), "1, 4 and 8"), (iter("ab"), "a and b")]
)
def test_items_are_joined_with_commas_and_the_last_with_and(items: list[object], expected: str) -> None:
    assert join_and(items) == expected
    assert join_or(expected.replace(" and ", ", ").split(", ")) == expected.replace("and", "or")


@pytest.mark.parametrize(("count", "expected"), [(0, "0 hours"), (1, "1 hour"), (2, "2 hours")])
def test_noun_is_plural_unless_the_count_is_1(count: int, expected: str) -> None:
    assert pluralize(count, "hour") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (3600, "60 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (7500, "2 h 05 min"),
        (90_000, "25 h"),
    ],
)
def test_durations_are_rounded_down_to_their_unit(seconds: float, expected: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(-1, "0 s ago"), (1, "60 min ago"), (47, "47 h ago"), (48, "2 days ago"), (140, "5 days ago")],
)
def test_ages_are_days_from_two_days_on(hours: int, expected: str) -> None:
    assert format_age(timedelta(hours=hours)) == expected


def test_times_name_their_time_zone() -> None:
    at = datetime(2026, 11, 28, 14, 5, 59, 900_000, tzinfo=UTC)
    assert format_time(at) == "14:05 UTC"
    assert format_date_time(at) == "2026-11-28 14:05 UTC"
    assert format_timestamp(at.astimezone(timezone(timedelta(hours=2)))) == "2026-11-28T14:05:59Z"


@pytest.mark.parametrize(
    ("text", "expected"), [("it is busy", "It is busy."), ("Is it?", "Is it?"), ("Stop!", "Stop!"), ("Done.", "Done.")]
)
def test_sentences_have_a_capital_letter_and_an_end(text: str, expected: str) -> None:
    assert format_message(text) == expected
    assert ensure_period(expected) == expected
