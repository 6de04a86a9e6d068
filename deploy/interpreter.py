"""Search for an interpreter of Lambda's Python version on this computer: `python -m deploy.interpreter` prints it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.lambda_runtime import ARCHITECTURE, PYTHON_VERSION
from deploy.source import ROOT
from deploy.uv import find_uv

VARIABLE = "PYTHON313"
"""Environment variable with the path of the interpreter. If it is set, nothing else is tried."""

PRINT_VERSION = "import platform, sys; print('%d.%d' % sys.version_info[:2], platform.machine(), sys.platform)"
EXPECTED_VERSION = f"{PYTHON_VERSION} {ARCHITECTURE} linux"

NOT_FOUND = f"No Python {PYTHON_VERSION} on {ARCHITECTURE} is in {VARIABLE}, on PATH, in pyenv or known to uv."


def find_interpreter(environment: Mapping[str, str] = os.environ, uv: str | None = None) -> Path | None:
    """Return an interpreter of Lambda's version and architecture that runs; None if there is none.

    :param uv: the program uv, which finds its own interpreters
    """
    candidates = _list_named(environment) or _list_candidates(environment, uv)
    return next((path for path in candidates if _can_run(path)), None)


def _list_named(environment: Mapping[str, str]) -> list[Path]:
    return [Path(environment[VARIABLE])] if environment.get(VARIABLE) else []


def _list_candidates(environment: Mapping[str, str], uv: str | None) -> Iterator[Path]:
    name = f"python{PYTHON_VERSION}"
    root = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob(f"versions/{PYTHON_VERSION}*/bin/{name}"), reverse=True)
    if on_path := shutil.which(name, path=environment.get("PATH")):
        yield Path(on_path)
    if uv and (found := _run([uv, "python", "find", "--no-python-downloads", "--no-project", PYTHON_VERSION])):
        yield Path(found)


def _can_run(path: Path) -> bool:
    """Return whether the interpreter starts and is the right one. A shim of pyenv exists and may not start."""
    return _run([str(path), "-I", "-c", PRINT_VERSION]) == EXPECTED_VERSION


def _run(command: list[str]) -> str | None:
    """Return what a command prints; None if it fails."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def find_package_interpreter() -> Path | None:
    """Return the interpreter for the package of this repository; None if there is none."""
    return find_interpreter(os.environ, find_uv(ROOT))


def main() -> int:
    """Print the path of the interpreter, and return 1 if there is none."""
    python = find_package_interpreter()
    print(python or NOT_FOUND, file=sys.stdout if python else sys.stderr)
    return int(python is None)


if __name__ == "__main__":
    sys.exit(main())
