"""Simulation of one instance during a month under one rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchmarks.idle_rules.rules import Rule
from benchmarks.idle_rules.use import REST, MinuteOfUse

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday, as in `UsageTimeline`."""

MINUTE = timedelta(minutes=1)
MINUTES_UNTIL_RESTART = 5
"""Minutes that somebody who uses the instance needs to start it again after a stop."""

MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class RunStats:
    """Statistics of one instance under one rule.

    :param price: USD per hour
    :param wasted_minutes: running minutes in which nobody needed the instance
    :param lost_minutes: minutes in which somebody needed the instance, but it was stopped
    :param busy_stops: number of stops while somebody needed the instance
    """

    price: Decimal
    running_minutes: int
    wasted_minutes: int
    lost_minutes: int
    stops: int
    busy_stops: int
    warnings: int

    @property
    def dollars(self) -> Decimal:
        """Return the cost of all running minutes."""
        return self.price * self.running_minutes / MINUTES_PER_HOUR

    @property
    def dollars_wasted(self) -> Decimal:
        """Return the cost of the wasted minutes."""
        return self.price * self.wasted_minutes / MINUTES_PER_HOUR


def simulate(minutes: Iterable[MinuteOfUse], rule: Rule, price: Decimal) -> RunStats:
    """Run a rule on the minutes of an instance.

    A stopped instance starts when the next use begins, or some minutes later if somebody attends the interrupted use.

    :param price: USD per hour
    """
    is_running, stopped_minutes = False, 0
    running = wasted = lost = stops = busy_stops = 0
    last_use = REST
    for number, use in enumerate(minutes):
        at = START + number * MINUTE
        is_beginning = use.is_busy and not last_use.is_busy
        last_use = use
        if not is_running:
            stopped_minutes += 1
            if not (is_beginning or (use.is_busy and use.is_attended and stopped_minutes > MINUTES_UNTIL_RESTART)):
                lost += use.is_busy
                continue
            rule.start(at)
            is_running = True
        running += 1
        wasted += not use.is_busy
        if rule.is_stopped_at_end_of(at, use):
            is_running, stopped_minutes = False, 0
            stops += 1
            busy_stops += use.is_busy
    return RunStats(price, running, wasted, lost, stops, busy_stops, rule.warnings)
