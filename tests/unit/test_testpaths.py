"""pytest collects the folders that are named to it, in their order, and says nothing of another one."""

import tomllib
from pathlib import Path


def test_every_folder_of_tests_is_among_those_that_are_run() -> None:
    named = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    assert {str(file.parent) for file in Path("tests").rglob("test_*.py")} == set(named)
