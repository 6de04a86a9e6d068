"""A runner of steps for the tests of the prelude."""

import shutil
from pathlib import Path

import pytest

from tests.support.prelude import StepRunner


@pytest.fixture
def runner(tmp_path: Path) -> StepRunner:
    if shutil.which("flock") is None:
        pytest.skip("flock is not installed here")
    return StepRunner(tmp_path)
