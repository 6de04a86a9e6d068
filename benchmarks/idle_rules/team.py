"""Instances of a team, and the use of each instance during a month, minute by minute."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from benchmarks.idle_rules.usage_timeline import DAY, HOUR, UsageTimeline, think, use_for
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

    :param use: description of its use, which also seeds its random numbers
    :param minutes: all minutes of the month, in order
    """

    use: str
    instance_type: str
    minutes: tuple[MinuteOfUse, ...]


def _add_training_run(timeline: UsageTimeline, hours: int) -> None:
    timeline.add_random(hours * HOUR, use_for(TRAINING, 40, 200), use_for(LOADING, 5, 40), use_for(EVALUATING, 10, 60))


def _add_office_day(timeline: UsageTimeline, day: int, *kinds: Callable[[UsageTimeline], None]) -> None:
    """Add a workday with a break at noon."""
    timeline.add_until(day, timeline.vary_hour(9))
    timeline.add_random(timeline.rng.randint(150, 200), *kinds)
    timeline.add_until(day, timeline.vary_hour(13.2))
    timeline.add_random(timeline.rng.randint(220, 290), *kinds)


def add_training(timeline: UsageTimeline) -> None:
    """Add training runs of one to three days. Somebody starts them, and nobody is there when they end."""
    for day in (workday for workday in timeline.list_workdays() if workday % 7 in (0, 3)):
        timeline.add_until(day, timeline.vary_hour(17))
        timeline.add(TYPING, 20)
        _add_training_run(timeline, timeline.rng.randint(24, 60))


def add_notebooks(timeline: UsageTimeline) -> None:
    """Add workdays in notebooks: cells and pauses for thinking."""
    for day in timeline.list_workdays():
        _add_office_day(timeline, day, use_for(CELL, 1, 15), think)


def add_forgotten(timeline: UsageTimeline) -> None:
    """Add one afternoon of use per week."""
    for day in (workday for workday in timeline.list_workdays() if workday % 7 == 1):
        timeline.add_until(day, timeline.vary_hour(14))
        timeline.add_random(3 * HOUR, use_for(TYPING, 1, 10), use_for(TRYING, 10, 40))


def add_crashed_kernels(timeline: UsageTimeline) -> None:
    """Add notebook days that end with a crashed kernel. One kernel of four hangs and reports busy all night."""
    for day in timeline.list_workdays():
        _add_office_day(timeline, day, use_for(CELL, 1, 15), think)
        night = HUNG if timeline.rng.random() < 0.25 else REST
        timeline.add_until(day + 1, 8, night)


def add_overnight_io(timeline: UsageTimeline) -> None:
    """Add nights in which data is copied or sent with almost no CPU time."""
    for day in timeline.list_workdays():
        timeline.add_until(day, timeline.vary_hour(19.5))
        timeline.add_random(timeline.rng.randint(7, 11) * HOUR, use_for(COPYING, 60, 200), use_for(SENDING, 60, 200))


def add_busy_core(timeline: UsageTimeline) -> None:
    """Add days in which one of many cores is busy."""
    for day in (workday for workday in timeline.list_workdays() if workday % 7 == 0):
        timeline.add_until(day, 9)
        timeline.add(COUNTING, timeline.rng.randint(60, 100) * HOUR)


def add_downloads(timeline: UsageTimeline) -> None:
    """Add downloads in the afternoon, and use of the data on the next morning."""
    for day in timeline.list_workdays():
        timeline.add_until(day, timeline.vary_hour(9.5))
        timeline.add_random(HOUR, use_for(TYPING, 1, 10), think)
        timeline.add_until(day, timeline.vary_hour(16))
        timeline.add(DOWNLOADING, timeline.rng.randint(2, 8) * HOUR)


def add_open_tmux(timeline: UsageTimeline) -> None:
    """Add two hours of work in a terminal, which then stays open."""
    for day in timeline.list_workdays():
        timeline.add_until(day, timeline.vary_hour(10), TAB if day else REST)
        timeline.add_random(2 * HOUR, use_for(TYPING, 1, 10), use_for(TRYING, 5, 30), think)


def add_open_tab(timeline: UsageTimeline) -> None:
    """Add notebook days with a browser tab that stays open at night, but not over the weekend."""
    for day in timeline.list_workdays():
        _add_office_day(timeline, day, use_for(CELL, 1, 15), think)
        timeline.add_until(day + 1, 8, TAB)


def add_editor(timeline: UsageTimeline) -> None:
    """Add workdays in an editor, without running code."""
    for day in timeline.list_workdays():
        _add_office_day(timeline, day, use_for(TYPING, 1, 12), think)


def add_held_work(timeline: UsageTimeline) -> None:
    """Add half days of work that no signal but a hold detects."""
    for day in (workday for workday in timeline.list_workdays() if workday % 2 == 0):
        timeline.add_until(day, timeline.vary_hour(10))
        timeline.add(TYPING, 15)
        timeline.add(WAITING, timeline.rng.randint(6, 12) * HOUR)


def add_small_jobs(timeline: UsageTimeline) -> None:
    """Add short bursts of work on one of eight GPUs."""
    for day in timeline.list_workdays():
        timeline.add_until(day, timeline.vary_hour(11))
        timeline.add(TYPING, 10)
        timeline.add(BURSTS, timeline.rng.randint(5, 14) * HOUR)


def add_silent_probe(timeline: UsageTimeline) -> None:
    """Add notebook days. Once a week there is no heartbeat from the afternoon until the night."""
    add_notebooks(timeline)
    for day in range(2, timeline.days, 7):
        for minute in range(day * DAY + 15 * HOUR, min(day * DAY + 21 * HOUR, len(timeline.minutes))):
            timeline.minutes[minute] = replace(timeline.minutes[minute], has_heartbeat=False)


TEAM: tuple[tuple[str, str, Callable[[UsageTimeline], None]], ...] = (
    ("long training, with pauses", "g6e.12xlarge", add_training),
    ("notebooks", "g5.xlarge", add_notebooks),
    ("forgotten after an afternoon", "g5.48xlarge", add_forgotten),
    ("kernels that crash or hang", "g5.2xlarge", add_crashed_kernels),
    ("copies by night", "g4dn.12xlarge", add_overnight_io),
    ("one core, busy since boot", "g5.12xlarge", add_busy_core),
    ("downloads", "g6.2xlarge", add_downloads),
    ("a tmux left open", "g4dn.xlarge", add_open_tmux),
    ("a browser tab left open", "g5.xlarge", add_open_tab),
    ("only an editor", "g6.xlarge", add_editor),
    ("work that no signal sees, held", "g6e.xlarge", add_held_work),
    ("bursts on one GPU of eight", "p4d.24xlarge", add_small_jobs),
    ("a probe that falls silent", "g5.xlarge", add_silent_probe),
)


def generate_team(seed: int, days: int) -> Iterator[Member]:
    """Yield the month of every member. It depends only on the seed and on the member's use."""
    for use, instance_type, add_use in TEAM:
        timeline = UsageTimeline(Random(f"{seed} {use}"), days)
        add_use(timeline)
        timeline.add_until(days, 0)
        yield Member(use, instance_type, tuple(_add_upgrades(timeline, timeline.minutes[: days * DAY])))


def _add_upgrades(timeline: UsageTimeline, minutes: list[MinuteOfUse]) -> list[MinuteOfUse]:
    """Replace some idle minutes of every morning by system upgrades."""
    for day in range(timeline.days):
        start = day * DAY + timeline.rng.randint(5 * HOUR, 7 * HOUR)
        for minute in range(start, start + 4):
            if minutes[minute] == REST:
                minutes[minute] = UPGRADES
    return minutes
