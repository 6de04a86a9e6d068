"""Print two tables in Markdown: `make benchmark [SEED=1]`."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.idle_rules.month import MINUTES_PER_HOUR, RunStats, simulate
from benchmarks.idle_rules.rules import RULES
from benchmarks.idle_rules.team import generate_team
from chalicelib.store.data_files import load_catalog

DAYS = 30
REGION = "us-east-1"

COLUMNS = (
    "running hours",
    "dollars",
    "dollars wasted",
    "busy instances stopped",
    "hours of use lost",
    "stops",
    "warnings per stop",
)

Results = Mapping[str, Mapping[str, RunStats]]
"""Statistics by rule and by the use of an instance."""


def simulate_all(seed: int, days: int = DAYS, rules: Sequence[str] = tuple(RULES)) -> Results:
    """Return the statistics of every rule on the same minutes of every instance."""
    catalog = load_catalog()
    members = tuple(generate_team(seed, days))
    return {
        name: {
            member.use: simulate(member.minutes, RULES[name](instance_type.vcpus or 0), instance_type.prices[REGION])
            for member in members
            for instance_type in [catalog.get_type(member.instance_type)]
        }
        for name in rules
    }


def format_tables(results: Results) -> Iterator[str]:
    """Yield the lines of two tables: totals by rule, and busy instances stopped by instance and rule."""
    yield f"| rule | {' | '.join(COLUMNS)} |"
    yield f"|---|{'---:|' * len(COLUMNS)}"
    yield from (_format_row(name, tuple(outcomes.values())) for name, outcomes in results.items())
    yield ""
    yield f"| busy instances stopped | {' | '.join(results)} |"
    yield f"|---|{'---:|' * len(results)}"
    for use in next(iter(results.values())):
        yield f"| {use} | {' | '.join(str(outcomes[use].busy_stops) for outcomes in results.values())} |"


def _format_row(name: str, outcomes: Sequence[RunStats]) -> str:
    stops = sum(outcome.stops for outcome in outcomes)
    warnings = sum(outcome.warnings for outcome in outcomes)
    cells = (
        name,
        _format_hours(sum(outcome.running_minutes for outcome in outcomes)),
        f"{sum(outcome.dollars for outcome in outcomes):,.0f}",
        f"{sum(outcome.dollars_wasted for outcome in outcomes):,.0f}",
        str(sum(outcome.busy_stops for outcome in outcomes)),
        _format_hours(sum(outcome.lost_minutes for outcome in outcomes)),
        str(stops),
        f"{warnings / stops:.2f}" if warnings else "-",
    )
    return f"| {' | '.join(cells)} |"


def _format_hours(minutes: int) -> str:
    return f"{minutes / MINUTES_PER_HOUR:,.0f}"


def main(environ: Mapping[str, str]) -> int:
    """Print the tables for the month that SEED selects, and return the exit status."""
    seed = environ.get("SEED") or "1"
    if not seed.isdecimal():
        sys.stderr.write(f"SEED must be a whole number, not {seed!r}.\n")
        return 2
    print("\n".join(format_tables(simulate_all(int(seed)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
