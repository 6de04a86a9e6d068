"""Measure whether the tests notice a wrong decision in `chalicelib/domain`.

Each mutant changes one decision: it inverts a condition, or it deletes a guard (an `if` that returns, raises or
continues). A seed chooses the decisions, so that nobody writes a test for a chosen one. The tests run in a copy of the
checkout, the cheapest folder first, and stop at the first failure. 30 mutants take about half an hour:

    make mutation-check                                     30 mutants, seed 20261128
    make mutation-check COUNT=10 SEED=7                     another sample
    python -m tools.mutation_check --count 10 --list        print the chosen mutants without running the tests

The output has one line per mutant: the folder whose tests failed, or SURVIVED. The number of tests per folder follows.
Exit status 0 only if the tests failed for at least `--min-killed` mutants (by default 28 of 30, or the same share).
"""

import argparse
import ast
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TARGET = Path("chalicelib/domain")
FOLDERS = (
    "tests/unit",
    "tests/property",
    "tests/api",
    "tests/scenario",
    "tests/local",
    "tests/ssm_documents",
    "tests/e2e",
)
"""The cheapest folder first. Folders that a checkout does not have are left out."""

REQUIRED_SHARE = 28 / 30

TIMEOUT_SECONDS = 1800
"""Limit for the tests of one folder. A mutant that makes the tests hang counts as noticed."""


@dataclass(frozen=True, order=True)
class Mutation:
    """A change of one decision: the source between `start` and `end` (byte offsets) becomes `replacement`."""

    file: Path
    line: int
    start: int
    end: int
    replacement: str
    description: str

    def __str__(self) -> str:
        """Return the mutation as it is printed."""
        return f"{self.file}:{self.line}: {self.description}"


def find_mutations(root: Path) -> list[Mutation]:
    """List every decision of the domain that can be inverted or deleted, in a stable order."""
    files = sorted((root / TARGET).rglob("*.py"))
    return sorted(mutation for file in files for mutation in _mutations_of(file, file.relative_to(root)))


def choose_mutations(mutations: Sequence[Mutation], count: int, seed: int) -> list[Mutation]:
    """Choose `count` mutations, spread over the modules: one of each module in random order, then a second one, ..."""
    generator = random.Random(seed)  # noqa: S311 - a reproducible sample, no secret
    by_file: dict[Path, list[Mutation]] = defaultdict(list)
    for mutation in mutations:
        by_file[mutation.file].append(mutation)
    for candidates in by_file.values():
        generator.shuffle(candidates)
    files = sorted(by_file)
    generator.shuffle(files)
    chosen: list[Mutation] = []
    while len(chosen) < min(count, len(mutations)):
        for file in files:
            if by_file[file] and len(chosen) < count:
                chosen.append(by_file[file].pop())
    return chosen


def _mutations_of(file: Path, name: Path) -> Iterator[Mutation]:
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column

    for condition in _conditions(ast.parse(source)):
        start, end = span(condition)
        text = source[start:end].decode()
        yield Mutation(name, condition.lineno, start, end, f"(not ({text}))", f"invert: {' '.join(text.split())}")
    for guard in _guards(ast.parse(source)):
        start, end = span(guard)
        yield Mutation(name, guard.lineno, start, end, "pass", f"delete: if {ast.unparse(guard.test)}: ...")


def _conditions(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.match_case) and node.guard:
            yield node.guard
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp):
            yield node.value


def _guards(tree: ast.Module) -> Iterator[ast.If]:
    ifs = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    elifs = {id(node.orelse[0]) for node in ifs if len(node.orelse) == 1}
    for node in ifs:
        if node.orelse or id(node) in elifs:
            continue
        if isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue):
            yield node


def find_failing_folder(root: Path, mutation: Mutation, python: str) -> str | None:
    """Run the tests against a mutant.

    :param root: a copy of the checkout; the mutant is written into it and removed again
    :param python: the interpreter that runs pytest
    :returns: the folder whose tests failed; None: all tests passed
    """
    file = root / mutation.file
    source = file.read_bytes()
    file.write_bytes(source[: mutation.start] + mutation.replacement.encode() + source[mutation.end :])
    try:
        for folder in FOLDERS:
            if (root / folder).is_dir() and not _passes(root, folder, python):
                return folder
    finally:
        file.write_bytes(source)
    return None


def _passes(root: Path, folder: str, python: str) -> bool:
    command = [python, "-m", "pytest", "-q", "-x", "-n", "2", "-p", "no:cacheprovider", folder]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - the command is this module's own
            command, cwd=root, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def count_tests(root: Path, python: str) -> dict[str, int]:
    """Return the number of collected tests per folder."""
    counts = {}
    for folder in FOLDERS:
        if (root / folder).is_dir():
            command = [python, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", folder]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - own command
            counts[folder] = sum("::" in line for line in done.stdout.splitlines())
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per mutant, then the number of tests per folder, and return the exit status."""
    options = _parse(arguments)
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


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Change decisions of the domain and see whether the tests notice.")
    parser.add_argument("--count", type=int, default=30, help="how many mutants (default: 30)")
    parser.add_argument("--seed", type=int, default=20261128, help="of the choice (default: 20261128)")
    parser.add_argument("--min-killed", type=int, help="required number of failing test runs (default: 28 of 30)")
    parser.add_argument("--list", action="store_true", help="print the chosen mutants without running the tests")
    options = parser.parse_args(arguments)
    if options.min_killed is None:
        options.min_killed = math.ceil(options.count * REQUIRED_SHARE)
    return options


if __name__ == "__main__":
    sys.exit(main())
