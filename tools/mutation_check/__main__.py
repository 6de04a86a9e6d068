"""Run the tests on random mutants. 30 mutants take about 15 minutes on an otherwise idle computer.

    make mutation-check                                     30 mutants, seed 20261128
    make mutation-check COUNT=10 SEED=7                     another sample
    python -m tools.mutation_check --count 10 --list        print the chosen mutants without running the tests

The tests run in copies of the checkout, in three steps:

1. The tests of `RECORDED_FOLDERS` run once without a mutant, and coverage records the lines that each test executes.
2. Against each mutant run the tests that executed a mutated line, the cheapest folder first, until one fails.
3. Against the mutants that survive step 2 run all folders, also `OTHER_FOLDERS`. The record cannot show that a test is
   unaffected: it has no line that a test runs in another process (a sandbox, the demo), and it has a line that runs at
   import, or whose result is cached or part of a shared fixture, only for the first test. To save time, these mutants
   are tested together, and each test that fails runs once more against each of them alone. If a mutant hides the effect
   of another one, that one counts as a survivor.

A failing test counts only if it passes without a mutant. In step 3 it has to fail twice with the mutant, so that a test
that fails only because the computer is busy is not counted.

The output has one line per mutant: the folder and the test that failed, or SURVIVED. The number of tests per folder
follows. Exit status 0 only if the tests failed for at least `--min-killed` mutants (by default 28 of 30, or the same
share).
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.mutation_check.mutations import choose_mutations, find_mutations
from tools.mutation_check.search import find_survivors
from tools.mutation_check.suite import copy_checkout, count_tests

RECORDED_FOLDERS = ("tests/unit", "tests/property", "tests/channels", "tests/api")
"""Folders whose tests are fast and run the domain in their own process, the cheapest first."""

OTHER_FOLDERS = ("tests/scenario", "tests/local", "tests/ssm_documents", "tests/e2e")
"""Folders whose tests are slow, and under coverage several times as slow, or run the domain in other processes."""

REQUIRED_SHARE = 28 / 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per mutant, then the number of tests per folder, and return the exit status."""
    options = _parse_arguments(arguments)
    checkout = Path.cwd()
    chosen = choose_mutations(find_mutations(checkout), options.count, options.seed)
    if options.list:
        sys.stdout.writelines(f"{mutation}\n" for mutation in chosen)
        return 0
    recorded, others = (
        [name for name in names if (checkout / name).is_dir()] for names in (options.folders, options.other_folders)
    )
    with tempfile.TemporaryDirectory(prefix="gpudesk-mutants-") as scratch:
        suite = copy_checkout(checkout, Path(scratch).resolve() / "0")
        survivors = find_survivors(suite, chosen, recorded, others)
        counts = count_tests(suite, [*recorded, *others])
    sys.stdout.writelines(f"{count:6} tests in {name}\n" for name, count in counts.items())
    killed = len(chosen) - len(survivors)
    sys.stdout.write(f"The tests failed for {killed} of {len(chosen)} mutants.\n")
    return 0 if killed >= options.min_killed else 1


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mutation_check", description="Change decisions of the domain one by one, and check that the tests fail."
    )
    parser.add_argument("--count", type=_parse_count, default=30, help="number of mutants (default: 30)")
    parser.add_argument("--seed", type=int, default=20261128, help="seed of the random choice (default: 20261128)")
    parser.add_argument(
        "--min-killed",
        type=int,
        help="number of mutants for which the tests must fail (default: 28 of 30, or the same share)",
    )
    parser.add_argument("--folders", nargs="+", default=RECORDED_FOLDERS, help="in-process tests, the cheapest first")
    parser.add_argument("--other-folders", nargs="*", default=OTHER_FOLDERS, help="further tests for survivors")
    parser.add_argument("--list", action="store_true", help="print the chosen mutants without running the tests")
    options = parser.parse_args(arguments)
    if options.min_killed is None:
        options.min_killed = math.ceil(options.count * REQUIRED_SHARE)
    return options


def _parse_count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"COUNT must be a whole number, 1 or more, not '{text}'")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
