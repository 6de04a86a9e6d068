"""Python environment in which functions of the zip run: Lambda's version of Python, `awslambdaric`, and nothing else.

AWS's own client of the Runtime API: https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from deploy.interpreter import NOT_FOUND, find_interpreter
from deploy.source import ROOT
from deploy.uv import find_uv
from local.deployed.errors import RuntimeMissing

FOLDER = ROOT / "build" / "lambda-runtime"
LOCK = Path(__file__).with_name("runtime.txt")


def prepare_runtime(folder: Path = FOLDER) -> Path:
    """Create the environment, unless it exists with the locked versions.

    :returns: its Python
    :raises RuntimeMissing: this computer has no Python of Lambda's version, no uv, or the packages cannot be installed
    """
    uv = find_uv(ROOT)
    python = find_interpreter(uv=uv)
    if python is None:
        raise RuntimeMissing(NOT_FOUND)
    if uv is None:
        raise RuntimeMissing("uv was not found. make setup installs it, and the variable UV can name another one.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        # Tests in several processes may need it at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _create(folder, uv, python)


def _create(folder: Path, uv: str, python: Path) -> Path:
    key = hashlib.sha256(f"{python}\n{LOCK.read_text(encoding='utf-8')}".encode()).hexdigest()
    mark, own_python = folder / "key", folder / "bin" / "python"
    if mark.exists() and mark.read_text() == key:
        return own_python
    shutil.rmtree(folder, ignore_errors=True)
    _run(uv, "venv", "--quiet", "--no-project", "--python", str(python), str(folder))
    _run(uv, "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes", "--only-binary", ":all:",
         "--python", str(own_python), "--requirements", str(LOCK))  # fmt: skip
    mark.write_text(key)
    return own_python


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeMissing(f"The environment of the functions could not be created.\n{result.stderr.strip()}")
