"""What an instance is used for, written down minute by minute."""

from collections.abc import Callable, Iterator
from random import Random

from benchmarks.idle_rules.use import REST, THINKING, MinuteOfUse

HOUR = 60
DAY = 24 * HOUR
WORKDAYS = 5
"""Of a week, which begins with the first minute: a Monday, midnight."""

THOUGHTS = (2, 2, 2, 3, 3, 3, 5, 5, 5, 5, 8, 8, 8, 12, 12, 15, 20, 20, 28, 45)
"""Minutes without a key pressed, of somebody who works; the longest is longer than the window and its warning."""


class UsageTimeline:
    """What an instance is used for, written down from its first minute on."""

    def __init__(self, rng: Random, days: int) -> None:
        self.rng = rng
        self.days = days
        self.minutes: list[MinuteOfUse] = []

    def do(self, use: MinuteOfUse, minutes: int) -> None:
        """That, for so long."""
        self.minutes.extend([use] * minutes)

    def until(self, day: int, hour: float, use: MinuteOfUse = REST) -> None:
        """That, up to this hour of this day; nothing, where it has passed."""
        self.do(use, day * DAY + round(hour * HOUR) - len(self.minutes))

    def now_and_then(self, minutes: int, *kinds: Callable[["UsageTimeline"], None]) -> None:
        """Now this and now that until so many minutes have passed."""
        end = len(self.minutes) + minutes
        while len(self.minutes) < end:
            self.rng.choice(kinds)(self)
        del self.minutes[end:]

    def workdays(self) -> Iterator[int]:
        """The day of each, from 0."""
        return (day for day in range(self.days) if day % 7 < WORKDAYS)

    def about(self, hour: float) -> float:
        """Half an hour to both sides."""
        return hour + self.rng.uniform(-0.5, 0.5)


def some(use: MinuteOfUse, least: int, most: int) -> Callable[[UsageTimeline], None]:
    """That, for some minutes of these."""
    return lambda diary: diary.do(use, diary.rng.randint(least, most))


def thought(diary: UsageTimeline) -> None:
    """Somebody thinks."""
    diary.do(THINKING, diary.rng.choice(THOUGHTS))
