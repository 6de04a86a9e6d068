"""Bytecode for Lambda's Python. Without it, each cold start would compile every imported module again.

Lambda's code folder is read-only, so Python could not keep what it compiles. The files contain a hash of the source in
place of its time, and Python uses them without reading the source.
https://peps.python.org/pep-0552/
"""

import subprocess
from pathlib import Path

from deploy.errors import PackagingFailed
from deploy.lambda_runtime import CODE_FOLDER

ARGUMENTS = ("-S", "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")

ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""Python orders the members of a frozenset by their hash, also in bytecode."""


def compile_sources(folder: Path, python: Path) -> None:
    """Write a `.pyc` beside every Python file of a folder. The same sources give the same bytes in every folder.

    :param python: an interpreter of Lambda's version
    :raises PackagingFailed: a file cannot be compiled
    """
    command = [str(python), *ARGUMENTS, "-s", str(folder), "-p", CODE_FOLDER, str(folder)]
    result = subprocess.run(command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False)
    if result.returncode:
        raise PackagingFailed(f"{python} could not compile the package.\n{result.stdout}{result.stderr}".rstrip())
