"""Measure whether the tests notice a wrong decision in `chalicelib/domain`.

Each mutant changes one decision: it inverts a condition, or it deletes a guard (an `if` that returns, raises or
continues). A seed chooses the decisions, so that nobody writes a test for a chosen one:

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
import ast
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from coverage import CoverageData

TARGET = Path("chalicelib/domain")
RECORDED_FOLDERS = ("tests/unit", "tests/property", "tests/channels", "tests/api")
"""Folders whose tests are fast and run the domain in their own process, the cheapest first."""

OTHER_FOLDERS = ("tests/scenario", "tests/local", "tests/ssm_documents", "tests/e2e")
"""Folders whose tests are slow, and under coverage several times as slow, or run the domain in other processes."""

REQUIRED_SHARE = 28 / 30

SELECTED_TIMEOUT_SECONDS = 900
"""Limit for the selected tests of a folder. A mutant that makes the tests hang counts as noticed."""

FOLDER_TIMEOUT_SECONDS = 3600
"""Limit for a whole folder, which takes a few minutes if the computer is not busy."""

PARALLEL_MUTANTS = 2
"""Number of mutants whose tests run at the same time."""

MAX_FAILURES = 20
"""Number of failures after which the tests of several mutants stop."""

LinesOfTests = Mapping[Path, Mapping[int, Collection[str]]]
"""The tests that executed a line, by file and line number. A test is named by its node id."""


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


@dataclass(frozen=True)
class Outcome:
    """Result of one run of pytest. `failing` is empty if pytest ended before it could name a test."""

    passed: bool
    failing: frozenset[str] = frozenset()

    def has_run_all(self, max_failures: int) -> bool:
        """Return whether pytest neither stopped after a failure, nor at a file that it could not import."""
        return 0 < len(self.failing) < max_failures and all("::" in test for test in self.failing)


@dataclass
class Suite:
    """The tests of a copy of the checkout.

    :ivar root: the copy; mutants are written into it and removed again
    :ivar scratch: a folder for the files of pytest and coverage
    :ivar ignored: tests that fail without a mutant
    """

    root: Path
    scratch: Path
    ignored: set[str] = field(default_factory=set)

    @property
    def python(self) -> str:
        """Return the interpreter that runs pytest."""
        return str(self.root / ".venv/bin/python")

    def copies(self, count: int) -> list["Suite"]:
        """Return this copy and further ones, with the compiled files of this one."""
        others = [copy_checkout(self.root, self.root.parents[1] / str(number)) for number in range(1, count)]
        for other in others:
            other.ignored |= self.ignored
        return [self, *others]

    def record(self, folders: Sequence[str]) -> LinesOfTests:
        """Run the folders and return the tests that executed each line of the domain.

        :raises SystemExit: pytest cannot run the tests
        """
        data_file = self.scratch / "coverage"
        options = [f"--cov={TARGET}", "--cov-context=test", "--cov-report=", "-n", "2"]
        outcome = self._run([*options, *folders], {"COVERAGE_FILE": str(data_file)}, timeout=None)
        if not (outcome.passed or outcome.failing):
            raise SystemExit("pytest cannot run the tests without a mutant. Run `make test` and repair them.")
        for test in sorted(outcome.failing):
            _print(f"Not counted, because it fails without a mutant: {test}")
        self.ignored |= outcome.failing
        return read_lines_of_tests(data_file, self.root)

    def run(self, tests: Collection[str], *, max_failures: int = 1) -> Outcome:
        """Run tests that are not ignored, given as node ids or folders, in their order."""
        has_folder = any((self.root / test).is_dir() for test in tests)
        options = ["-n", "2" if has_folder else "0", f"--maxfail={max_failures}"]
        options += [f"--deselect={test}" for test in sorted(self.ignored)]
        timeout = FOLDER_TIMEOUT_SECONDS if has_folder else SELECTED_TIMEOUT_SECONDS
        return self._run([*options, *tests], {"PYTHONDONTWRITEBYTECODE": "1"}, timeout)

    def _run(self, arguments: Sequence[str], environment: Mapping[str, str], timeout: float | None) -> Outcome:
        cache = self.scratch / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        listed = self.scratch / "arguments"
        listed.write_text("\n".join(arguments), encoding="utf-8")
        command = [self.python, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", f"@{listed}"]
        status = run_in_group(command, self.root, {**os.environ, **environment}, timeout)
        failing = cache / "v/cache/lastfailed"
        names = json.loads(failing.read_text(encoding="utf-8")) if failing.exists() else ()
        return Outcome(status in PASSED_STATUSES, frozenset(names))


def run_in_group(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float | None
) -> int | None:
    """Run a command and return its exit status.

    :returns: None: the command and all processes that it started were killed after `timeout` seconds
    """
    with subprocess.Popen(  # noqa: S603 - the command is the caller's own
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


PASSED_STATUSES = (0, 5)
"""Exit statuses of pytest without a failing test. 5: every named test is ignored."""


def read_lines_of_tests(data_file: Path, root: Path) -> LinesOfTests:
    """Read the tests that executed each line from a data file of coverage.

    Contexts of coverage are "NODE ID|PHASE", and "" for lines that ran at import.
    """
    data = CoverageData(str(data_file))
    data.read()
    return {
        Path(file).relative_to(root): {
            line: {context.rpartition("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


def select_tests(
    lines_of_tests: LinesOfTests, mutation: Mutation, root: Path, folders: Iterable[str]
) -> list[list[str]]:
    """Return the tests that executed a mutated line: one list per folder, in the order of `folders`."""
    mutated_source = (root / mutation.file).read_bytes()[mutation.start : mutation.end]
    lines = range(mutation.line, mutation.line + mutated_source.count(b"\n") + 1)
    by_line = lines_of_tests.get(mutation.file, {})
    tests = sorted({test for line in lines for test in by_line.get(line, ())})
    batches = [[test for test in tests if test.startswith(f"{folder}/")] for folder in folders]
    return [batch for batch in batches if batch]


@contextmanager
def mutated(root: Path, *mutations: Mutation) -> Iterator[None]:
    """Write mutants of different files into `root`, and the original sources when the block ends."""
    sources = {root / mutation.file: (root / mutation.file).read_bytes() for mutation in mutations}
    try:
        for mutation in mutations:
            source = sources[root / mutation.file]
            mutant = source[: mutation.start] + mutation.replacement.encode() + source[mutation.end :]
            (root / mutation.file).write_bytes(mutant)
        yield
    finally:
        for file, source in sources.items():
            file.write_bytes(source)


def find_failing_test(suite: Suite, mutation: Mutation, batches: Iterable[Collection[str]]) -> str | None:
    """Run batches of recorded tests against a mutant until one fails that passes without it.

    :returns: the node id of the failing test, or its folder if pytest failed or hung before it could name a test; None:
        all tests passed
    """
    for batch in batches:
        with mutated(suite.root, mutation):
            outcome = suite.run(batch)
        if outcome.passed:
            continue
        if suite.run(sorted(outcome.failing) or batch).passed:
            return min(outcome.failing, default=folder_of(min(batch)))
        # The rest of the batch runs in step 3.
        _print(f"Not counted, because it fails without the mutant: {min(outcome.failing, default=min(batch))}")
    return None


def find_failing_tests_together(
    suite: Suite, mutations: Iterable[Mutation], folders: Iterable[str]
) -> dict[Mutation, str]:
    """Run whole folders against mutants of different files at once, and failing tests against each mutant alone.

    :returns: the node id of a failing test for each mutant that has one
    """
    alive = list(mutations)
    failing_tests: dict[Mutation, str] = {}
    for folder in folders:
        while alive:
            with mutated(suite.root, *alive):
                outcome = suite.run([folder], max_failures=MAX_FAILURES)
            if outcome.passed:
                break
            found = _attribute(suite, alive, outcome.failing or frozenset([folder]))
            failing_tests |= found
            alive = [mutation for mutation in alive if mutation not in found]
            if outcome.has_run_all(MAX_FAILURES):
                break
    return failing_tests


def _attribute(suite: Suite, mutations: Iterable[Mutation], failing: frozenset[str]) -> dict[Mutation, str]:
    """Return a failing test for each mutant that makes one of `failing` fail. Ignore tests that no mutant explains."""
    outcome = suite.run(sorted(failing), max_failures=len(failing))
    unexplained = set(failing)
    candidates = failing - (outcome.failing or failing if not outcome.passed else frozenset())
    found = {}
    for mutation in mutations if candidates else ():
        with mutated(suite.root, mutation):
            outcome = suite.run(sorted(candidates), max_failures=len(candidates))
        if not outcome.passed:
            tests = outcome.failing or candidates
            found[mutation] = min(tests)
            unexplained -= tests
    if not found:
        suite.ignored |= unexplained
        for test in sorted(unexplained):
            _print(f"Not counted, because it fails without a mutant or only sometimes: {test}")
    return found


def count_tests(suite: Suite, folders: Sequence[str]) -> dict[str, int]:
    """Return the number of collected tests per folder."""
    command = [suite.python, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, cwd=suite.root, capture_output=True, text=True, check=False)  # noqa: S603 - own command
    lines = done.stdout.splitlines()
    return {folder: sum(line.startswith(f"{folder}/") and "::" in line for line in lines) for folder in folders}


def folder_of(test: str) -> str:
    """Return the folder below `tests` that contains a test."""
    return "/".join(test.split("/")[:2])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per mutant, then the number of tests per folder, and return the exit status."""
    options = _parse(arguments)
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


def copy_checkout(checkout: Path, target: Path) -> Suite:
    """Copy the checkout into a subfolder of `target`, with a link to its environment."""
    suite = Suite(target / "checkout", target / "scratch")
    ignored = shutil.ignore_patterns(".git", ".venv", ".mypy_cache", ".pytest_cache", "build")
    shutil.copytree(checkout, suite.root, symlinks=True, ignore=ignored)
    (suite.root / ".venv").symlink_to((checkout / ".venv").resolve())
    suite.scratch.mkdir()
    return suite


def find_survivors(
    suite: Suite, mutations: Sequence[Mutation], recorded: Sequence[str], others: Sequence[str]
) -> list[Mutation]:
    """Run the tests against each mutant, print a line per mutant, and return the survivors."""
    started = time.monotonic()
    lines_of_tests = suite.record(recorded)
    count = len({test for lines in lines_of_tests.values() for tests in lines.values() for test in tests})
    _print(f"{time.monotonic() - started:5.0f} s: recorded {count} tests that execute the domain.")
    survivors = run_selected_tests(suite.copies(PARALLEL_MUTANTS), mutations, lines_of_tests, recorded)
    _print(f"{time.monotonic() - started:5.0f} s: {len(survivors)} mutants survived the selected tests.")
    failing_tests: dict[Mutation, str] = {}
    for group in group_by_different_files(survivors):
        failing_tests |= find_failing_tests_together(suite, group, [*recorded, *others])
    for mutation in survivors:
        _print(_describe(mutation, failing_tests.get(mutation)))
    _print(f"{time.monotonic() - started:5.0f} s: all tests have run.")
    return [mutation for mutation in survivors if mutation not in failing_tests]


def run_selected_tests(
    suites: Iterable[Suite], mutations: Sequence[Mutation], lines_of_tests: LinesOfTests, folders: Sequence[str]
) -> list[Mutation]:
    """Run against each mutant the tests that executed a mutated line, and return the survivors.

    :param suites: copies of the checkout; each runs one mutant at a time
    """
    free = SimpleQueue[Suite]()
    for suite in suites:
        free.put(suite)

    def find(mutation: Mutation) -> str | None:
        suite = free.get()
        try:
            batches = select_tests(lines_of_tests, mutation, suite.root, folders)
            test = find_failing_test(suite, mutation, batches)
        finally:
            free.put(suite)
        _print(_describe(mutation, test) if test else f"No selected test fails: {mutation}")
        return test

    with ThreadPoolExecutor(free.qsize()) as executor:
        failing_tests = list(executor.map(find, mutations))
    return [mutation for mutation, test in zip(mutations, failing_tests, strict=True) if test is None]


def group_by_different_files(mutations: Iterable[Mutation]) -> list[list[Mutation]]:
    """Divide mutations into groups with at most one mutation per file."""
    groups: list[list[Mutation]] = []
    for mutation in mutations:
        fitting = (group for group in groups if all(other.file != mutation.file for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append([mutation])
        else:
            group.append(mutation)
    return groups


def _describe(mutation: Mutation, test: str | None) -> str:
    if test is None:
        return f"{'SURVIVED':22} {mutation}"
    return f"{folder_of(test):22} {mutation}  [{test}]"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Change decisions of the domain and see whether the tests notice.")
    parser.add_argument("--count", type=int, default=30, help="how many mutants (default: 30)")
    parser.add_argument("--seed", type=int, default=20261128, help="of the choice (default: 20261128)")
    parser.add_argument("--min-killed", type=int, help="required number of failing test runs (default: 28 of 30)")
    parser.add_argument("--list", action="store_true", help="print the chosen mutants without running the tests")
    parser.add_argument("--folders", nargs="+", default=RECORDED_FOLDERS, help="in-process tests, the cheapest first")
    parser.add_argument("--other-folders", nargs="*", default=OTHER_FOLDERS, help="further tests for survivors")
    options = parser.parse_args(arguments)
    if options.min_killed is None:
        options.min_killed = math.ceil(options.count * REQUIRED_SHARE)
    return options


if __name__ == "__main__":
    sys.exit(main())
