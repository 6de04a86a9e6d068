"""`make benchmark [SEED=1]`: two tables in Markdown on stdout."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.idle_rules.month import MINUTES_PER_HOUR, RunStats, simulate
from benchmarks.idle_rules.rules import RULES
from benchmarks.idle_rules.team import team
from chalicelib.store.data_files import load_catalog

DAYS = 30
REGION = "us-east-1"

FIGURES = (
    "running hours",
    "dollars",
    "dollars wasted",
    "busy instances stopped",
    "hours of use lost",
    "stops",
    "warnings per stop",
)

Results = Mapping[str, Mapping[str, RunStats]]
"""Rule -> use of an instance -> what came of it."""


def results(seed: int, days: int = DAYS, rules: Sequence[str] = tuple(RULES)) -> Results:
    """Every rule on the very same minutes of every instance."""
    known = load_catalog()
    members = tuple(team(seed, days))
    return {
        name: {
            member.use: simulate(member.minutes, RULES[name](kind.vcpus), kind.prices[REGION])
            for member in members
            for kind in [known.get_type(member.instance_type)]
        }
        for name in rules
    }


def tables(found: Results) -> Iterator[str]:
    """All instances together; then whose use was interrupted, by instance."""
    yield f"| rule | {' | '.join(FIGURES)} |"
    yield f"|---|{'---:|' * len(FIGURES)}"
    yield from (_row(name, tuple(outcomes.values())) for name, outcomes in found.items())
    yield ""
    yield f"| busy instances stopped | {' | '.join(found)} |"
    yield f"|---|{'---:|' * len(found)}"
    for use in next(iter(found.values())):
        yield f"| {use} | {' | '.join(str(outcomes[use].busy_stops) for outcomes in found.values())} |"


def _row(name: str, outcomes: Sequence[RunStats]) -> str:
    stops = sum(outcome.stops for outcome in outcomes)
    warnings = sum(outcome.warnings for outcome in outcomes)
    cells = (
        name,
        _hours(sum(outcome.running for outcome in outcomes)),
        f"{sum(outcome.dollars for outcome in outcomes):,.0f}",
        f"{sum(outcome.dollars_wasted for outcome in outcomes):,.0f}",
        str(sum(outcome.busy_stops for outcome in outcomes)),
        _hours(sum(outcome.lost for outcome in outcomes)),
        str(stops),
        f"{warnings / stops:.2f}" if warnings else "-",
    )
    return f"| {' | '.join(cells)} |"


def _hours(minutes: int) -> str:
    return f"{minutes / MINUTES_PER_HOUR:,.0f}"


def main(environ: Mapping[str, str]) -> int:
    """:returns: the exit status; the month is that of SEED, a whole number"""
    seed = environ.get("SEED") or "1"
    if not seed.isdecimal():
        sys.stderr.write(f"SEED is {seed!r}; must be a whole number\n")
        return 2
    print("\n".join(tables(results(int(seed)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
