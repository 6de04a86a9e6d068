"""Time, as it is handed to everything that needs it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the desk asks for the time. The local cloud's runs faster than the world's."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def scale_script_timeout(self, timeout: timedelta) -> timedelta:
        """How long a time limit of a script, which runs in the world's seconds, lasts on this clock."""
        ...


class SystemClock:
    """The world's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def scale_script_timeout(self, timeout: timedelta) -> timedelta:
        return timeout
