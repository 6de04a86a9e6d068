"""A team's instances, and a month of what each was used for, minute by minute."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from benchmarks.idle_rules.diary import DAY, HOUR, UsageTimeline, some, thought
from benchmarks.idle_rules.use import (
    BURSTS,
    CELL,
    COPYING,
    COUNTING,
    DOWNLOADING,
    EVALUATING,
    HUNG,
    LOADING,
    REST,
    SENDING,
    TAB,
    TRAINING,
    TRYING,
    TYPING,
    UPGRADES,
    WAITING,
    MinuteOfUse,
)


@dataclass(frozen=True)
class Member:
    """One instance of the team.

    :param use: what for, in words
    :param minutes: of the month, in order
    """

    use: str
    instance_type: str
    minutes: tuple[MinuteOfUse, ...]


def _training_run(diary: UsageTimeline, hours: int) -> None:
    diary.now_and_then(hours * HOUR, some(TRAINING, 40, 200), some(LOADING, 5, 40), some(EVALUATING, 10, 60))


def _office_day(diary: UsageTimeline, day: int, *kinds: Callable[[UsageTimeline], None]) -> None:
    """From the morning to the evening, with an hour of nothing at noon."""
    diary.until(day, diary.about(9))
    diary.now_and_then(diary.rng.randint(150, 200), *kinds)
    diary.until(day, diary.about(13.2))
    diary.now_and_then(diary.rng.randint(220, 290), *kinds)


def training(diary: UsageTimeline) -> None:
    """Runs of a day or three, begun by hand; nobody is there when one ends."""
    for day in (workday for workday in diary.workdays() if workday % 7 in (0, 3)):
        diary.until(day, diary.about(17))
        diary.do(TYPING, 20)
        _training_run(diary, diary.rng.randint(24, 60))


def notebooks(diary: UsageTimeline) -> None:
    """Cells and thoughts, on every workday."""
    for day in diary.workdays():
        _office_day(diary, day, some(CELL, 1, 15), thought)


def forgotten(diary: UsageTimeline) -> None:
    """Wanted for an afternoon a week."""
    for day in (workday for workday in diary.workdays() if workday % 7 == 1):
        diary.until(day, diary.about(14))
        diary.now_and_then(3 * HOUR, some(TYPING, 1, 10), some(TRYING, 10, 40))


def crashed_kernel(diary: UsageTimeline) -> None:
    """The last cell of the day crashes and its memory stays held; one in four says for ever that it is busy."""
    for day in diary.workdays():
        _office_day(diary, day, some(CELL, 1, 15), thought)
        left = HUNG if diary.rng.random() < 0.25 else REST
        diary.until(day + 1, 8, left)


def overnight_io(diary: UsageTimeline) -> None:
    """Data that is copied or sent by night, with next to no CPU."""
    for day in diary.workdays():
        diary.until(day, diary.about(19.5))
        diary.now_and_then(diary.rng.randint(7, 11) * HOUR, some(COPYING, 60, 200), some(SENDING, 60, 200))


def busy_since_boot(diary: UsageTimeline) -> None:
    """One core of many, for days, and at that from the first minute on."""
    for day in (workday for workday in diary.workdays() if workday % 7 == 0):
        diary.until(day, 9)
        diary.do(COUNTING, diary.rng.randint(60, 100) * HOUR)


def downloads(diary: UsageTimeline) -> None:
    """A data set in the afternoon, and a look at it the next morning."""
    for day in diary.workdays():
        diary.until(day, diary.about(9.5))
        diary.now_and_then(HOUR, some(TYPING, 1, 10), thought)
        diary.until(day, diary.about(16))
        diary.do(DOWNLOADING, diary.rng.randint(2, 8) * HOUR)


def tmux_left_open(diary: UsageTimeline) -> None:
    """Two hours of terminal, and then the terminal."""
    for day in diary.workdays():
        diary.until(day, diary.about(10), TAB if day else REST)
        diary.now_and_then(2 * HOUR, some(TYPING, 1, 10), some(TRYING, 5, 30), thought)


def tab_left_open(diary: UsageTimeline) -> None:
    """Notebooks, and a tab that stays open by night, but not over the weekend."""
    for day in diary.workdays():
        _office_day(diary, day, some(CELL, 1, 15), thought)
        diary.until(day + 1, 8, TAB)


def editor(diary: UsageTimeline) -> None:
    """Somebody writes code, and runs none of it."""
    for day in diary.workdays():
        _office_day(diary, day, some(TYPING, 1, 12), thought)


def unseen(diary: UsageTimeline) -> None:
    """Half a day of waiting for something that no signal shows, under a hold."""
    for day in (workday for workday in diary.workdays() if workday % 2 == 0):
        diary.until(day, diary.about(10))
        diary.do(TYPING, 15)
        diary.do(WAITING, diary.rng.randint(6, 12) * HOUR)


def small_jobs(diary: UsageTimeline) -> None:
    """One GPU of eight, and that in bursts."""
    for day in diary.workdays():
        diary.until(day, diary.about(11))
        diary.do(TYPING, 10)
        diary.do(BURSTS, diary.rng.randint(5, 14) * HOUR)


def silent_probe(diary: UsageTimeline) -> None:
    """Notebooks; once a week the probe says nothing from the afternoon into the night."""
    notebooks(diary)
    for day in range(2, diary.days, 7):
        for minute in range(day * DAY + 15 * HOUR, min(day * DAY + 21 * HOUR, len(diary.minutes))):
            diary.minutes[minute] = replace(diary.minutes[minute], heard=False)


TEAM: tuple[tuple[str, str, Callable[[UsageTimeline], None]], ...] = (
    ("long training, with pauses", "g6e.12xlarge", training),
    ("notebooks", "g5.xlarge", notebooks),
    ("forgotten after an afternoon", "g5.48xlarge", forgotten),
    ("kernels that crash or hang", "g5.2xlarge", crashed_kernel),
    ("copies by night", "g4dn.12xlarge", overnight_io),
    ("one core, busy since boot", "g5.12xlarge", busy_since_boot),
    ("downloads", "g6.2xlarge", downloads),
    ("a tmux left open", "g4dn.xlarge", tmux_left_open),
    ("a browser tab left open", "g5.xlarge", tab_left_open),
    ("only an editor", "g6.xlarge", editor),
    ("work that no signal sees, held", "g6e.xlarge", unseen),
    ("bursts on one GPU of eight", "p4d.24xlarge", small_jobs),
    ("a probe that falls silent", "g5.xlarge", silent_probe),
)


def team(seed: int, days: int) -> Iterator[Member]:
    """Everybody's month; the same for the same seed, and no member's depends on another's."""
    for use, instance_type, keep in TEAM:
        diary = UsageTimeline(Random(f"{seed} {use}"), days)
        keep(diary)
        diary.until(days, 0)
        yield Member(use, instance_type, tuple(_with_upgrades(diary, diary.minutes[: days * DAY])))


def _with_upgrades(diary: UsageTimeline, minutes: list[MinuteOfUse]) -> list[MinuteOfUse]:
    """The system's own of each morning, where nothing else is done."""
    for day in range(diary.days):
        begin = day * DAY + diary.rng.randint(5 * HOUR, 7 * HOUR)
        for minute in range(begin, begin + 4):
            if minutes[minute] == REST:
                minutes[minute] = UPGRADES
    return minutes
