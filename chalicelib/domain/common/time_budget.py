"""The time for several calls, of a request or of a scheduled function: no call begins that could end too late."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TimeBudget:
    """Time that begins when it is created, in real seconds: the cloud's clock may be faster, but a network is not.

    :param began_at: reading of `monotonic`, as `ends_at`
    :param ends_at: time by which the last call must have ended
    :param reserve: seconds that the longest call takes, with what must follow it
    :param monotonic: returns seconds since an arbitrary moment
    """

    began_at: float
    ends_at: float
    reserve: float
    monotonic: Callable[[], float]

    @property
    def seconds_left(self) -> float:
        """Return the time until the end, reserve included."""
        return self.ends_at - self.monotonic()

    @property
    def is_spent(self) -> bool:
        """Return whether no further call may begin."""
        return not self.allows_wait(0)

    def has_time(self) -> bool:
        """Return whether a further call may begin, for functions that get a callable."""
        return not self.is_spent

    @property
    def is_half_spent(self) -> bool:
        """Return whether half of the time in which calls may begin has passed."""
        return self.monotonic() - self.began_at >= (self.ends_at - self.reserve - self.began_at) / 2

    def allows_wait(self, seconds: float) -> bool:
        """Return whether a call may still begin after this wait."""
        return self.monotonic() + seconds + self.reserve <= self.ends_at


def start_budget(seconds: float, *, reserve: float, monotonic: Callable[[], float]) -> TimeBudget:
    """Return a budget that begins now."""
    now = monotonic()
    return TimeBudget(began_at=now, ends_at=now + seconds, reserve=reserve, monotonic=monotonic)
