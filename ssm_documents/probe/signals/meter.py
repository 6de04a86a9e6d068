"""Rates of counters that only grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

MIN_SECONDS = 0.5
"""The kernel counts CPU time in hundredths of a second, so a shorter interval gives no useful rate."""

K = TypeVar("K", bound=Hashable)


class CounterDeltas(Generic[K]):
    """The growth of each counter since the last reading.

    A new counter has grown from zero. A counter that is smaller than before was reset to zero in between.
    """

    def __init__(self, first: Mapping[K, float]) -> None:
        self._before = dict(first)

    def advance(self, current: Mapping[K, float]) -> dict[K, float]:
        """Return the growth by name. The next growth is measured from `current`."""
        before, self._before = self._before, dict(current)
        return {name: _compute_growth(before.get(name, 0.0), value) for name, value in current.items()}


class Stopwatch:
    """The seconds between two readings, by a clock that cannot be set.

    :param wait: sleeps for a number of seconds; used if a reading comes too early
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._wait = wait
        self._before = clock()

    def lap(self) -> float:
        """Return the seconds since the last lap or the start, at least MIN_SECONDS."""
        now = self._clock()
        if now - self._before < MIN_SECONDS:
            self._wait(MIN_SECONDS - (now - self._before))
            now = self._clock()
        before, self._before = self._before, now
        return max(self._before - before, MIN_SECONDS)


def _compute_growth(before: float, now: float) -> float:
    return now - before if now >= before else now
