"""Simulated capacity of a GPU type in nine zones during a month. The parameters were fixed before the first run.

Every world answers a question with a time, so that all policies meet the same capacity.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

START = datetime.fromisoformat("2026-06-01T00:00:00+00:00")
"""A Monday."""

DAYS = 30
HOUR = timedelta(hours=1)

REGIONS: Mapping[str, float] = {"near": 1.00, "middle": 1.06, "far": 1.20}
"""Regions with the list price per hour of the type."""

ZONES = tuple(f"{region}-{letter}" for region in REGIONS for letter in "abc")

WORK_BEGINS, WORK_ENDS = 8, 18


@dataclass(frozen=True)
class World:
    """A month of capacity.

    :param has_capacity: answers a launch in a zone at a time
    """

    name: str
    has_capacity: Callable[[str, datetime], bool]


def get_price(zone: str) -> float:
    """Return dollars per hour."""
    return REGIONS[zone.rpartition("-")[0]]


def is_work_hour(at: datetime) -> bool:
    """Return whether most people work."""
    return at.weekday() < 5 and WORK_BEGINS <= at.hour < WORK_ENDS


def build_sticky(seed: int) -> World:
    """Return a world in which a zone has capacity, or none, for hours on end."""
    source = random.Random(f"sticky {seed}")
    changes = {zone: _draw_changes(source) for zone in ZONES}

    def has_capacity(zone: str, at: datetime) -> bool:
        return sum(change <= at for change in changes[zone]) % 2 == 0

    return World("sticky by zone", has_capacity)


def _draw_changes(source: random.Random) -> Sequence[datetime]:
    """Return the times at which a zone loses and gets capacity. It begins with capacity."""
    share, without = source.uniform(0.2, 0.95), 6.0
    mean_with = without * share / (1 - share)
    at = START - timedelta(days=7)
    changes: list[datetime] = []
    while at < START + timedelta(days=DAYS + 3):
        mean = mean_with if len(changes) % 2 == 0 else without
        at += source.expovariate(1 / mean) * HOUR
        changes.append(at)
    return changes


def build_weekly(seed: int) -> World:
    """Return a world in which six of nine zones are full at work hours and three nearly always have capacity."""
    source = random.Random(f"weekly {seed}")
    full_at_work = frozenset(source.sample(ZONES, 6))

    def has_capacity(zone: str, at: datetime) -> bool:
        refused = 0.9 if zone in full_at_work and is_work_hour(at) else 0.05
        # One draw for each hour: capacity does not change from second to second.
        return random.Random(f"{seed} {zone} {at:%d %H}").random() >= refused

    return World("weekly pattern", has_capacity)


def build_independent(seed: int) -> World:
    """Return a world in which every answer is drawn anew, so that memory cannot help."""
    source = random.Random(f"independent {seed}")
    shares = {zone: source.uniform(0.3, 0.9) for zone in ZONES}

    def has_capacity(zone: str, at: datetime) -> bool:
        return random.Random(f"{seed} {zone} {at.timestamp():.0f}").random() < shares[zone]

    return World("independent", has_capacity)


WORLDS = (build_sticky, build_weekly, build_independent)


def draw_arrivals(seed: int, count: int) -> Sequence[datetime]:
    """Return the times of launches: four of five at work hours."""
    source = random.Random(f"arrivals {seed}")
    arrivals: list[datetime] = []
    while len(arrivals) < count:
        at = START + timedelta(seconds=source.randrange(DAYS * 86_400))
        if is_work_hour(at) or source.random() < 0.2 * 50 / (0.8 * 118):
            arrivals.append(at)
    return sorted(arrivals)
