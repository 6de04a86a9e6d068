"""Counters that only grow, between two looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

MIN_SECONDS = 0.5
"""The kernel counts CPU time in hundredths of a second: a shorter interval says nothing."""

K = TypeVar("K", bound=Hashable)


class CounterDeltas(Generic[K]):
    """By how much each counter has grown since the last look.

    One that is new has grown from nothing, and one that is smaller than before has begun anew.
    """

    def __init__(self, first: Mapping[K, float]) -> None:
        self._before = dict(first)

    def advance(self, now: Mapping[K, float]) -> dict[K, float]:
        """Growth by name; the next is measured from `now` on."""
        before, self._before = self._before, dict(now)
        return {name: _grown(before.get(name, 0.0), value) for name, value in now.items()}


class Stopwatch:
    """The seconds between two looks, by a clock that cannot be set.

    :param wait: sleeps for so many seconds, where the first look comes at once
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._wait = wait
        self._before = clock()

    def lap(self) -> float:
        """Seconds since the last lap, or since it was made; never so few that a rate would be noise."""
        now = self._clock()
        if now - self._before < MIN_SECONDS:
            self._wait(MIN_SECONDS - (now - self._before))
            now = self._clock()
        before, self._before = self._before, now
        return max(self._before - before, MIN_SECONDS)


def _grown(before: float, now: float) -> float:
    return now - before if now >= before else now
