"""Texts of `make run` about the speed of the clock."""

from local.serving_help import describe_clock, describe_pace


def test_clock_that_runs_as_fast_as_real_time_has_no_advice_to_slow_it_down() -> None:
    assert describe_clock(1) == "The cloud's clock runs as fast as yours."
    assert describe_pace(1) == "By default, gpudesk warns after 30 idle minutes."


def test_fast_clock_is_explained_with_the_advice_to_slow_it_down() -> None:
    assert describe_clock(60) == "The cloud's clock runs 60 times as fast as yours."
    assert "At SPEED=60, these minutes take 30 s." in describe_pace(60)
    assert "run `make run DEMO=0 SPEED=1`" in describe_pace(60)
