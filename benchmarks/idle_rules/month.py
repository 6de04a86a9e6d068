"""A month of an instance under a rule, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchmarks.idle_rules.rules import Rule
from benchmarks.idle_rules.use import REST, MinuteOfUse

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""

MINUTE = timedelta(minutes=1)
NOTICED_MINUTES = 5
"""After so many, somebody who was at an instance that is gone has started it again."""

MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class RunStats:
    """What came of it.

    :param running: minutes
    :param wasted: minutes of those in which nothing and nobody needed it
    :param lost: minutes in which it was needed and did not run
    :param busy_stops: of the stops, those in the middle of use
    """

    price: Decimal
    running: int
    wasted: int
    lost: int
    stops: int
    busy_stops: int
    warnings: int

    @property
    def dollars(self) -> Decimal:
        """What it cost to run."""
        return self.price * self.running / MINUTES_PER_HOUR

    @property
    def dollars_wasted(self) -> Decimal:
        """What it cost to run while it was not needed."""
        return self.price * self.wasted / MINUTES_PER_HOUR


def simulate(minutes: Iterable[MinuteOfUse], rule: Rule, price: Decimal) -> RunStats:
    """Live through the minutes. Whoever needs it next starts it, at the beginning of what they need it for.

    :param price: USD an hour
    """
    is_running, gone_for = False, 0
    running = wasted = lost = stops = busy_stops = 0
    before = REST
    for number, use in enumerate(minutes):
        at = BEGIN + number * MINUTE
        begins = use.busy and not before.busy
        before = use
        if not is_running:
            gone_for += 1
            if not (begins or (use.busy and use.attended and gone_for > NOTICED_MINUTES)):
                lost += use.busy
                continue
            rule.begin(at)
            is_running = True
        running += 1
        wasted += not use.busy
        if rule.stops(at, use):
            is_running, gone_for = False, 0
            stops += 1
            busy_stops += use.busy
    return RunStats(price, running, wasted, lost, stops, busy_stops, rule.warnings)
