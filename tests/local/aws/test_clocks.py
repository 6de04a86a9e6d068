from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.common.clock import Clock
from local.clock import ManualClock, PacedClock

MINUTE = timedelta(minutes=1)


def test_manual_clock_stands_still_until_advanced() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(MINUTE)
    assert clock.now() == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_subscribers_are_called_on_each_move() -> None:
    clock, times = ManualClock(), list[datetime]()
    clock.subscribe(times.append)
    clock.advance(MINUTE)
    assert times == [clock.now()]


def test_paced_clock_runs_faster_and_scales_script_timeouts() -> None:
    clock = PacedClock(10_000, datetime(2026, 1, 1, tzinfo=UTC))
    before = clock.now()
    while clock.now() - before < timedelta(seconds=1):
        pass
    assert clock.scale_script_timeout(MINUTE) == 10_000 * MINUTE


def test_change_of_speed_keeps_elapsed_time() -> None:
    clock = PacedClock(10_000)
    begin = clock.now()
    while clock.now() - begin < timedelta(seconds=1):
        pass
    before = clock.now()
    clock.speed = 0.001
    assert timedelta(0) <= clock.now() - before
    clock.advance(MINUTE)
    assert clock.now() - before >= MINUTE


@pytest.mark.parametrize("clock", [ManualClock(), PacedClock(60)])
def test_clock_does_not_go_backwards(clock: ManualClock | PacedClock) -> None:
    as_the_desk_sees_it: Clock = clock
    assert as_the_desk_sees_it.now().tzinfo is UTC
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-MINUTE)


@pytest.mark.parametrize("speed", [0, -1, 1_000_000])
def test_invalid_speed_is_rejected(speed: float) -> None:
    with pytest.raises(ValueError, match="cloud seconds"):
        PacedClock(speed)
