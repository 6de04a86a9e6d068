"""Runs that end with their test."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.machines.host.select_backend import sandbox_problem
from tests.e2e.runs import Run, nothing_left_behind

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run in a folder of the test's own: `start(ONCE="1")`. Nothing may be left of it when the test ends."""
    runs: list[Run] = []

    def begin(*before: str, **variables: str) -> Run:
        runs.append(Run(tmp_path, *before, **variables))
        return runs[-1]

    with nothing_left_behind():
        yield begin
        for run in runs:
            run.kill()


@pytest.fixture(scope="session")
def a_sandbox() -> None:
    """Only where scripts can really run."""
    if why := sandbox_problem(lambda: datetime.now(UTC)):
        pytest.skip(why)
