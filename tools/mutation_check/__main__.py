"""Run the tests on random mutants. 30 mutants take about half an hour.

    make mutation-check                                     30 mutants, seed 20261128
    make mutation-check COUNT=10 SEED=7                     another sample
    python -m tools.mutation_check --count 10 --list        print the chosen mutants without running the tests

The tests run in a copy of the checkout, the fastest folder first, and stop at the first failure. The output has one
line per mutant: the folder whose tests failed, or SURVIVED. The number of tests per folder follows. The exit status is
0 only if the tests failed for at least `--min-killed` mutants (by default 28 of 30, or the same share).
"""

import argparse
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.mutation_check.mutations import choose_mutations, find_mutations
from tools.mutation_check.suite import count_tests, find_failing_folder

REQUIRED_SHARE = 28 / 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per mutant, then the number of tests per folder, and return the exit status."""
    options = _parse_arguments(arguments)
    checkout = Path.cwd()
    chosen = choose_mutations(find_mutations(checkout), options.count, options.seed)
    if options.list:
        sys.stdout.writelines(f"{mutation}\n" for mutation in chosen)
        return 0
    with tempfile.TemporaryDirectory(prefix="gpudesk-mutants-") as folder:
        root = Path(folder) / "checkout"
        shutil.copytree(checkout, root, symlinks=True, ignore=shutil.ignore_patterns(".git", ".mypy_cache", "build"))
        python = str(root / ".venv/bin/python")
        killed = 0
        for mutation in chosen:
            failing = find_failing_folder(root, mutation, python)
            killed += failing is not None
            sys.stdout.write(f"{failing or 'SURVIVED':22} {mutation}\n")
            sys.stdout.flush()
        sys.stdout.writelines(f"{count:6} tests in {name}\n" for name, count in count_tests(root, python).items())
    sys.stdout.write(f"The tests failed for {killed} of {len(chosen)} mutants.\n")
    return 0 if killed >= options.min_killed else 1


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mutation_check", description="Change decisions of the domain one by one, and check that the tests fail."
    )
    parser.add_argument("--count", type=int, default=30, help="number of mutants (default: 30)")
    parser.add_argument("--seed", type=int, default=20261128, help="seed of the random choice (default: 20261128)")
    parser.add_argument(
        "--min-killed",
        type=int,
        help="number of mutants for which the tests must fail (default: 28 of 30, or the same share)",
    )
    parser.add_argument("--list", action="store_true", help="print the chosen mutants without running the tests")
    options = parser.parse_args(arguments)
    if options.min_killed is None:
        options.min_killed = math.ceil(options.count * REQUIRED_SHARE)
    return options


if __name__ == "__main__":
    sys.exit(main())
