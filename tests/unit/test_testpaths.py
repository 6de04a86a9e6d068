"""`testpaths` in pyproject.toml: pytest silently ignores test files in other folders."""

import tomllib
from pathlib import Path


def test_every_test_file_is_in_a_listed_folder() -> None:
    named = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    below = {file for folder in named for file in Path(folder).rglob("test_*.py")}
    assert set(Path("tests").rglob("test_*.py")) == below
