"""Runs of pytest in a copy of the checkout."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.mutation_check.coverage_record import LinesOfTests, read_lines_of_tests
from tools.mutation_check.mutations import TARGET
from tools.mutation_check.output import print_line

PASSED_STATUSES = (0, 5)
"""Exit statuses of pytest without a failing test. 5: every named test is ignored."""

SELECTED_TIMEOUT_SECONDS = 900
"""Limit for the selected tests of a folder. A mutant that makes the tests hang counts as noticed."""

FOLDER_TIMEOUT_SECONDS = 3600
"""Limit for a whole folder, which takes a few minutes if the computer is not busy."""


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
            print_line(f"Not counted, because it fails without a mutant: {test}")
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


def copy_checkout(checkout: Path, target: Path) -> Suite:
    """Copy the checkout into a subfolder of `target`, with a link to its environment."""
    suite = Suite(target / "checkout", target / "scratch")
    ignored = shutil.ignore_patterns(".git", ".venv", ".mypy_cache", ".pytest_cache", "build")
    shutil.copytree(checkout, suite.root, symlinks=True, ignore=ignored)
    (suite.root / ".venv").symlink_to((checkout / ".venv").resolve())
    suite.scratch.mkdir()
    return suite


def count_tests(suite: Suite, folders: Sequence[str]) -> dict[str, int]:
    """Return the number of collected tests per folder."""
    command = [suite.python, "-m", "pytest", "-o", "addopts=-q", "--collect-only", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, cwd=suite.root, capture_output=True, text=True, check=False)  # noqa: S603 - own command
    lines = done.stdout.splitlines()
    return {folder: sum(line.startswith(f"{folder}/") and "::" in line for line in lines) for folder in folders}


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
