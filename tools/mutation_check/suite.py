"""Runs of the test suite on a mutant, folder by folder."""

import os
import subprocess
from pathlib import Path

from tools.mutation_check.mutations import Mutation

FOLDERS = (
    "tests/unit",
    "tests/property",
    "tests/api",
    "tests/scenario",
    "tests/local",
    "tests/ssm_documents",
    "tests/e2e",
)
"""Folders of tests, the fastest first. Folders that a checkout does not have are skipped."""

TIMEOUT_SECONDS = 1800
"""Time limit for the tests of one folder. A mutant that makes the tests exceed it counts as noticed."""


def find_failing_folder(root: Path, mutation: Mutation, python: str) -> str | None:
    """Run the tests against a mutant.

    :param root: copy of the checkout, which contains the mutant during the run
    :param python: path of the interpreter that runs pytest
    :returns: folder whose tests failed; None if all tests passed
    """
    file = root / mutation.file
    source = file.read_bytes()
    file.write_bytes(source[: mutation.start] + mutation.replacement.encode() + source[mutation.end :])
    try:
        for folder in FOLDERS:
            if (root / folder).is_dir() and not _pass_tests(root, folder, python):
                return folder
    finally:
        file.write_bytes(source)
    return None


def _pass_tests(root: Path, folder: str, python: str) -> bool:
    command = [python, "-m", "pytest", "-q", "-x", "-n", "2", "-p", "no:cacheprovider", folder]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
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
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
            counts[folder] = sum("::" in line for line in done.stdout.splitlines())
    return counts
