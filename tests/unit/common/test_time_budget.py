"""The time budget of a request or a function."""

from itertools import count

import pytest

from chalicelib.domain.common.time_budget import TimeBudget, start_budget


def build_budget(elapsed: float) -> TimeBudget:
    """Return a budget of 8 seconds, 3 of them reserved for the last call, that began `elapsed` seconds ago."""
    times = count(100.0, elapsed)
    return start_budget(8.0, reserve=3.0, monotonic=lambda: next(times))


@pytest.mark.parametrize(("elapsed", "is_spent"), [(0.0, False), (5.0, False), (5.1, True), (9.0, True)])
def test_call_begins_only_if_it_can_end_in_time(elapsed: float, is_spent: bool) -> None:
    assert (build_budget(elapsed).is_spent, build_budget(elapsed).has_time()) == (is_spent, not is_spent)


@pytest.mark.parametrize(("wait", "is_allowed"), [(2.0, True), (2.1, False)])
def test_wait_is_allowed_if_a_call_fits_behind_it(wait: float, is_allowed: bool) -> None:
    assert build_budget(3.0).allows_wait(wait) is is_allowed


@pytest.mark.parametrize(("elapsed", "is_half"), [(2.4, False), (2.5, True)])
def test_half_of_the_time_is_that_in_which_calls_may_begin(elapsed: float, is_half: bool) -> None:
    assert build_budget(elapsed).is_half_spent is is_half
