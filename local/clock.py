"""The local cloud's time: moved by hand in tests, paced for a demonstration."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

DEFAULT_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning: a fixed one, so that a test reads the same on every day."""


class ManualClock:
    """Stands still until it is told to move."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._now = start
        self._callbacks: list[Callable[[datetime], None]] = []

    def now(self) -> datetime:
        return self._now

    def scale_script_timeout(self, limit: timedelta) -> timedelta:
        """Scripts and this clock count alike: a test moves the clock past a limit to see what follows."""
        return limit

    def advance(self, by: timedelta) -> None:
        """Move forward, then tell the subscribers.

        :raises ValueError: `by` is negative
        """
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        self._now += by
        for callback in list(self._callbacks):
            callback(self._now)

    def subscribe(self, callback: Callable[[datetime], None]) -> None:
        """Call back after each move, with the new time."""
        self._callbacks.append(callback)


class PacedClock:
    """Runs at `speed` cloud seconds for each of the world's; never backwards, whatever the computer's clock does."""

    def __init__(self, speed: float, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._base = start or datetime.now(UTC)
        self._since = time.monotonic()
        self._speed = _checked(speed)

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            self._rebase()
            self._speed = _checked(speed)

    def now(self) -> datetime:
        with self._lock:
            return self._base + self._elapsed()

    def scale_script_timeout(self, limit: timedelta) -> timedelta:
        """A script that may take a minute of the world's may take `speed` minutes here."""
        return limit * self._speed

    def advance(self, by: timedelta) -> None:
        """Jump ahead.

        :raises ValueError: `by` is negative
        """
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        with self._lock:
            self._rebase()
            self._base += by

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    def _rebase(self) -> None:
        self._base, self._since = self._base + self._elapsed(), time.monotonic()


def _checked(speed: float) -> float:
    if not 0 < speed <= 10_000:
        raise ValueError(f"a speed is more than 0 and at most 10000 cloud seconds a second, not {speed}")
    return speed
