"""Print a table in Markdown for each world: `make benchmark-failover [SEEDS=20] [LAUNCHES=1000]`."""

import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta

from benchmarks.failover.policies import POLICIES
from benchmarks.failover.simulation import Outcome, simulate
from benchmarks.failover.worlds import WORLDS, draw_arrivals

COLUMNS = ("calls per launch", "seconds to an instance", "dollars per hour", "given up")


def simulate_world(world: int, seeds: Sequence[int], launches: int) -> dict[str, list[Outcome]]:
    """Return the outcomes of all seeds by policy."""
    return {
        name: [
            outcome
            for seed in seeds
            for outcome in simulate(WORLDS[world](seed), policy(), draw_arrivals(seed, launches))
        ]
        for name, policy in POLICIES.items()
    }


def format_table(outcomes: dict[str, list[Outcome]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| order | {' | '.join(COLUMNS)} |"
    yield f"|---|{'---:|' * len(COLUMNS)}"
    for name, ends in outcomes.items():
        prices = [end.price for end in ends if end.price is not None]
        cells = (
            name,
            f"{statistics.fmean(end.calls for end in ends):.2f}",
            f"{statistics.fmean(end.wait / timedelta(seconds=1) for end in ends):.0f}",
            f"{statistics.fmean(prices):.4f}",
            str(len(ends) - len(prices)),
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    seeds = range(int(os.environ.get("SEEDS") or 20))
    launches = int(os.environ.get("LAUNCHES") or 1000)
    first = int(os.environ.get("FIRST_SEED") or 0)
    for number, build in enumerate(WORLDS):
        sys.stdout.write(f"\n{build(0).name}\n\n")
        outcomes = simulate_world(number, [first + seed for seed in seeds], launches)
        sys.stdout.writelines(f"{line}\n" for line in format_table(outcomes))


if __name__ == "__main__":
    main()
