"""Launches of a month with one policy in one world. All launches share what the policy remembers."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.failover.policies import Policy
from benchmarks.failover.worlds import World, get_price

CALL = timedelta(seconds=2)
"""Duration of a RunInstances that fails or succeeds."""

PASS_INTERVAL = timedelta(minutes=1)
"""The sweep tries again once a minute."""

GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Outcome:
    """The end of a launch.

    :param price: dollars per hour; None: it was given up
    """

    calls: int
    wait: timedelta
    price: float | None


def simulate(world: World, policy: Policy, arrivals: Sequence[datetime]) -> list[Outcome]:
    """Return the outcomes of launches, whose calls are made in the order of their times."""
    outcomes: list[Outcome] = []
    order = itertools.count()
    waiting = [(at, next(order), _try_zones(world, policy, at, outcomes)) for at in arrivals]
    heapq.heapify(waiting)
    while waiting:
        _, _, launch = heapq.heappop(waiting)
        next_at = next(launch, None)
        if next_at is not None:
            heapq.heappush(waiting, (next_at, next(order), launch))
    return outcomes


def _try_zones(world: World, policy: Policy, arrival: datetime, outcomes: list[Outcome]) -> Iterator[datetime]:
    """Yield the time of each next call, and append the outcome at the end."""
    now, calls = arrival, 0
    while now - arrival < GIVE_UP_AFTER:
        pass_began = now
        for zone in policy.list_zones(now):
            calls += 1
            is_launched = world.has_capacity(zone, now)
            policy.record(zone, now, is_launched=is_launched)
            now += CALL
            if is_launched:
                outcomes.append(Outcome(calls, now - arrival, get_price(zone)))
                return
            yield now
        now = max(now, pass_began + PASS_INTERVAL)
        yield now
    outcomes.append(Outcome(calls, now - arrival, None))
