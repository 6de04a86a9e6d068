"""`make benchmark-sweep` on a small cloud: a full run takes a quarter of an hour."""

import os
import subprocess
import sys

import pytest

from tests.e2e.runs import REPOSITORY


@pytest.mark.slow
def test_sweep_benchmark_makes_no_more_calls_than_its_floor() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep"],
        cwd=REPOSITORY,
        env={**os.environ, "COUNTS": "1,10"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert run.stdout.count("| 9 | 9 |") == 2
    assert "calls, at most 1.1 times the floor: 1.00, met" in run.stdout
