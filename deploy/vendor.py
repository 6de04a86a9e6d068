"""Installation of the locked packages for Lambda, with their hashes checked and nothing compiled on this computer."""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.aws_services import SERVICES
from deploy.chalice_runtime import find_runtime_modules
from deploy.errors import PackagingFailed
from deploy.lambda_runtime import PYTHON_VERSION, UV_PLATFORM
from deploy.selection import build_filter

DEFAULT_UV = ".uv/bin/uv"


def find_uv(root: Path) -> str | None:
    """Return the program uv: that of the variable UV, that of `make setup`, or one on PATH; None if there is none."""
    own = root / DEFAULT_UV
    return os.environ.get("UV") or (str(own) if own.exists() else shutil.which("uv"))


def install(lock: str, target: Path, uv: str | None) -> None:
    """Install the packages of a lock into a new folder, as Lambda's Python on Amazon Linux needs them.

    :param lock: pins with hashes
    :raises PackagingFailed: there is no uv; or a file is missing, has another hash, or exists as source code only
    """
    if uv is None:
        raise PackagingFailed("uv was not found. make setup installs it, and the variable UV can name another one.")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--no-config", "--link-mode", "copy", "--python-platform", UV_PLATFORM]
    command += ["--python-version", PYTHON_VERSION, "--target", str(target), "--requirements", "-"]
    result = subprocess.run(command, input=lock, capture_output=True, text=True, check=False)
    if result.returncode:
        raise PackagingFailed(f"The locked packages could not be installed for Lambda.\n{result.stderr.strip()}")


def remove_unneeded(target: Path) -> None:
    """Remove everything that does not run in Lambda from the folder of the installed packages."""
    files = [path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()]
    is_needed = build_filter(files, SERVICES, find_runtime_modules(target))
    for file in files:
        if not is_needed(file):
            (target / file).unlink()
