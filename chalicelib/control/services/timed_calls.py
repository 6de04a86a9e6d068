"""AWS calls of one request that a person waits for: their time together and their tries."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chalicelib.control.services.upstream_errors import to_upstream_error
from chalicelib.domain.common.aws_errors import AgentNotConnected, AwsError
from chalicelib.domain.common.errors import Conflict, ErrorCode, UpstreamUnavailable
from chalicelib.domain.common.time_budget import TimeBudget, start_budget
from chalicelib.domain.sessions.time_limit import CALL_TIMEOUT, NEXT_CALL_SECONDS, OPENING_TIMEOUT, TRY_DELAYS

T = TypeVar("T")


class Timer(Protocol):
    """Real time. The cloud's clock may be faster, but a person and a network are not."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemTimer:
    """Timer of the operating system."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True)
class TimedCalls:
    """The AWS calls of one request, which must end together within OPENING_TIMEOUT.

    :param budget: time for all calls
    """

    timer: Timer
    budget: TimeBudget

    def make(self, summary: str, call: Callable[[], T]) -> T:
        """Make one call.

        :param summary: what has not happened if it fails; begins the message of the error
        :raises UpstreamUnavailable: AWS throttled the call or did not respond, or the time is over
        :raises UpstreamError: AWS rejected the call
        """
        self._require_time(summary)
        try:
            return call()
        except AwsError as error:
            raise to_upstream_error(summary, error) from error

    def make_until_connected(self, summary: str, name: str, call: Callable[[], T], missing_profile: str = "") -> T:
        """Make one call, and repeat it a few times while Session Manager does not know the agent yet.

        :param name: name of the instance, for the message
        :param missing_profile: that it has no instance profile and what helps, in sentences; empty: it has one
        :raises UpstreamUnavailable: the agent is not connected yet; or as in `make`
        :raises Conflict: the agent is not connected, and there is no instance profile
        :raises UpstreamError: AWS rejected the call
        """
        delays = iter(TRY_DELAYS)
        while True:
            self._require_time(summary)
            try:
                return call()
            except AgentNotConnected as error:
                delay = self._find_delay(delays)
                if missing_profile:
                    message = f"{summary}: its SSM agent is not connected. {missing_profile}"
                    raise Conflict(message, code=ErrorCode.NO_INSTANCE_PROFILE) from error
                if delay is None:
                    raise UpstreamUnavailable(
                        f"{summary}: its SSM agent is not connected ({error.code}). After a start that can take "
                        f"2 minutes. Try again. If it stays so, stop and start {name}."
                    ) from error
            except AwsError as error:
                raise to_upstream_error(summary, error) from error
            self.timer.sleep(delay)

    def _find_delay(self, delays: Iterator[float]) -> float | None:
        """Return the seconds to wait before the next try; None: give up."""
        delay = next(delays, None)
        return delay if delay is not None and self.budget.allows_wait(delay + NEXT_CALL_SECONDS) else None

    def _require_time(self, summary: str) -> None:
        if self.budget.is_spent:
            raise UpstreamUnavailable(
                f"{summary}: AWS did not answer all calls within {OPENING_TIMEOUT:.0f} s. Try again."
            )


def start_timed_calls(timer: Timer) -> TimedCalls:
    """Return the calls of a request that begins now."""
    return TimedCalls(timer, start_budget(OPENING_TIMEOUT, reserve=CALL_TIMEOUT, monotonic=timer.monotonic))
