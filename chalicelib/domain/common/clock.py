"""Define the clock that is passed to all code that needs the time, so that tests and the local cloud can set it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A clock. The clock of the local cloud can run faster than real time."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        ...

    def scale_script_timeout(self, timeout: timedelta) -> timedelta:
        """Return how long `timeout`, which a script measures in real seconds, lasts on this clock."""
        ...


class SystemClock:
    """The clock of the operating system."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return datetime.now(UTC)

    def scale_script_timeout(self, timeout: timedelta) -> timedelta:
        """Return `timeout`: this clock runs in real time."""
        return timeout
