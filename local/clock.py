"""Clocks of the local cloud: one that tests move by hand, and one that runs faster than real time."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

DEFAULT_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A fixed Monday morning, so that a test behaves the same on every day."""

MAX_CLOCK_SPEED = 10_000


class ManualClock:
    """Clock that changes only when `advance` moves it."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        """Create a clock that shows `start`."""
        self._now = start
        self._callbacks: list[Callable[[datetime], None]] = []

    def now(self) -> datetime:
        """Return the time of the clock."""
        return self._now

    def scale_script_timeout(self, limit: timedelta) -> timedelta:
        """Return the limit unchanged, because scripts follow the clock that the test moves."""
        return limit

    def advance(self, by: timedelta) -> None:
        """Move the clock forward, then call the subscribers.

        :raises ValueError: `by` is negative
        """
        if by < timedelta(0):
            raise ValueError("The clock only moves forward.")
        self._now += by
        for callback in list(self._callbacks):
            callback(self._now)

    def subscribe(self, callback: Callable[[datetime], None]) -> None:
        """Call `callback` with the new time after each move."""
        self._callbacks.append(callback)


class PacedClock:
    """Clock that runs at `speed` cloud seconds per real second and never goes back."""

    def __init__(self, speed: float, start: datetime | None = None) -> None:
        """Start the clock at `start`; None is the real time."""
        self._lock = threading.Lock()
        self._base = start or datetime.now(UTC)
        self._since = time.monotonic()
        self._speed = _check_speed(speed)

    @property
    def speed(self) -> float:
        """Return the cloud seconds per real second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            self._rebase()
            self._speed = _check_speed(speed)

    def now(self) -> datetime:
        """Return the time of the clock."""
        with self._lock:
            return self._base + self._compute_elapsed()

    def scale_script_timeout(self, limit: timedelta) -> timedelta:
        """Return the cloud time that passes while a script runs for `limit` of real time."""
        return limit * self._speed

    def advance(self, by: timedelta) -> None:
        """Jump forward.

        :raises ValueError: `by` is negative
        """
        if by < timedelta(0):
            raise ValueError("The clock only moves forward.")
        with self._lock:
            self._rebase()
            self._base += by

    def _compute_elapsed(self) -> timedelta:
        return timedelta(seconds=(time.monotonic() - self._since) * self._speed)

    def _rebase(self) -> None:
        self._base, self._since = self._base + self._compute_elapsed(), time.monotonic()


def _check_speed(speed: float) -> float:
    if not 0 < speed <= MAX_CLOCK_SPEED:
        raise ValueError(
            f"The speed must be more than 0 and at most {MAX_CLOCK_SPEED} cloud seconds per second, not {speed}."
        )
    return speed
