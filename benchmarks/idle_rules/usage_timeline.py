"""Timeline of the use of an instance, minute by minute."""

from collections.abc import Callable, Iterator
from random import Random

from benchmarks.idle_rules.use import REST, THINKING, MinuteOfUse

HOUR = 60
DAY = 24 * HOUR
WORKDAYS = 5
"""Workdays per week. The first minute is Monday, midnight."""

THINKING_MINUTES = (2, 2, 2, 3, 3, 3, 5, 5, 5, 5, 8, 8, 8, 12, 12, 15, 20, 20, 28, 45)
"""Lengths of pauses in which somebody works without typing. The longest exceeds idle window plus warning period."""


class UsageTimeline:
    """Use of an instance from the first minute on."""

    def __init__(self, rng: Random, days: int) -> None:
        self.rng = rng
        self.days = days
        self.minutes: list[MinuteOfUse] = []

    def add(self, use: MinuteOfUse, minutes: int) -> None:
        """Add minutes of one use."""
        self.minutes.extend([use] * minutes)

    def add_until(self, day: int, hour: float, use: MinuteOfUse = REST) -> None:
        """Add minutes of one use up to an hour of a day, or none if the timeline is already longer."""
        self.add(use, day * DAY + round(hour * HOUR) - len(self.minutes))

    def add_random(self, minutes: int, *kinds: Callable[["UsageTimeline"], None]) -> None:
        """Add `minutes` of use of random kinds."""
        end = len(self.minutes) + minutes
        while len(self.minutes) < end:
            self.rng.choice(kinds)(self)
        del self.minutes[end:]

    def list_workdays(self) -> Iterator[int]:
        """Return the numbers of the workdays, counted from 0."""
        return (day for day in range(self.days) if day % 7 < WORKDAYS)

    def vary_hour(self, hour: float) -> float:
        """Return a random time within half an hour of the given one."""
        return hour + self.rng.uniform(-0.5, 0.5)


def use_for(use: MinuteOfUse, minimum: int, maximum: int) -> Callable[[UsageTimeline], None]:
    """Return a function that adds one use for a random number of minutes in this range."""
    return lambda timeline: timeline.add(use, timeline.rng.randint(minimum, maximum))


def think(timeline: UsageTimeline) -> None:
    """Add minutes in which somebody thinks and types nothing."""
    timeline.add(THINKING, timeline.rng.choice(THINKING_MINUTES))
