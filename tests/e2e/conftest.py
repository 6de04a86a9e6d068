"""Fixtures that start runs of `make run` and end them with their test."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.machines.host.select_backend import find_sandbox_problem
from tests.e2e.runs import Run, assert_no_process_left

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a run in a temporary folder: `start(ONCE="1")`.

    The test fails if a process of the run is left at its end.
    """
    runs: list[Run] = []

    def start_run(*prefix: str, **variables: str) -> Run:
        runs.append(Run(tmp_path, *prefix, **variables))
        return runs[-1]

    with assert_no_process_left():
        yield start_run
        for run in runs:
            run.kill()


@pytest.fixture(scope="session")
def a_sandbox() -> None:
    """Skip the test if scripts cannot really run."""
    if problem := find_sandbox_problem(lambda: datetime.now(UTC)):
        pytest.skip(problem)
