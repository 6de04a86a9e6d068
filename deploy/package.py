"""The package of a deployment: the zip of the functions' code, and the templates of the stacks."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.archive import write_zip
from deploy.bytecode import compile_sources
from deploy.interpreter import NOT_FOUND
from deploy.lock import select_runtime_lock
from deploy.source import ROOT, copy_sources
from deploy.uv import find_uv
from deploy.vendor import install, remove_unneeded

DEFAULT_OUTPUT = ROOT / "build" / "package"
ZIP_NAME = "deployment.zip"

WITHOUT_BYTECODE = f"{NOT_FOUND} The zip has no bytecode: it works, and a cold start takes about twice the CPU time."


@dataclass(frozen=True)
class Package:
    """A zip that was written.

    :param digest: SHA-256 of its bytes, in hexadecimal
    :param python: the interpreter that compiled the bytecode; None: the zip has none
    """

    file: Path
    digest: str
    size: int
    python: Path | None


def build_zip(output: Path, *, root: Path = ROOT, python: Path | None) -> Package:
    """Write the zip that all functions share.

    :param python: an interpreter of Lambda's version for the bytecode; None: no bytecode
    :raises PackagingFailed: a part of the package is missing or cannot be installed
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "package"
        write_tree(folder, root=root, python=python)
        output.mkdir(parents=True, exist_ok=True)
        partial = Path(temporary) / ZIP_NAME
        write_zip(folder, partial)
        file = output / ZIP_NAME
        shutil.move(partial, file)
    content = file.read_bytes()
    return Package(file, hashlib.sha256(content).hexdigest(), len(content), python)


def write_tree(folder: Path, *, root: Path, python: Path | None) -> None:
    """Write what the zip contains into a new folder."""
    lock = select_runtime_lock(
        (root / "requirements-dev.txt").read_text(encoding="utf-8"),
        (root / "requirements.txt").read_text(encoding="utf-8"),
    )
    install(lock, folder, find_uv(root))
    remove_unneeded(folder)
    copy_sources(root, folder)
    if python:
        compile_sources(folder, python)
