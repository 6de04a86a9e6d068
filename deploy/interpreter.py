"""Search for an interpreter of Lambda's Python version on this computer."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.lambda_runtime import ARCHITECTURE, PYTHON_VERSION

VARIABLE = "PYTHON313"
"""Names the interpreter. It is used instead of all that a search would find."""

QUESTION = "import platform, sys; print('%d.%d' % sys.version_info[:2], platform.machine(), sys.platform)"
EXPECTED_ANSWER = f"{PYTHON_VERSION} {ARCHITECTURE} linux"

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
    return _run([str(path), "-I", "-c", QUESTION]) == EXPECTED_ANSWER


def _run(command: list[str]) -> str | None:
    """Return what a command prints; None if it fails."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
