"""The product's own files: what Git tracks of `app.py` and `chalicelib`."""

import shutil
import subprocess
from pathlib import Path

from deploy.errors import PackagingFailed

ROOT = Path(__file__).parents[1]
"""The folder of this repository."""

SOURCES = ("app.py", "chalicelib")

TEMPLATE_SOURCES = ("deploy", "ssm_documents")
"""Folders that the templates are built from, besides SOURCES. The templates contain untracked files of them, too."""


def copy_sources(root: Path, target: Path) -> None:
    """Copy the tracked files of the product, as they are in the work tree.

    :param root: the folder of the repository
    :raises PackagingFailed: the folder is no Git repository, or a tracked file is missing
    """
    files = [name for name in _run_git(root, "ls-files", "-z", "--", *SOURCES).split("\0") if name]
    if SOURCES[0] not in files:
        raise PackagingFailed(f"Git tracks no {SOURCES[0]} in {root}. Package from a clone of the repository.")
    for name in files:
        if not (root / name).is_file():
            raise PackagingFailed(f"{name} is tracked and does not exist. Restore it, or commit its removal.")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target / name)


def has_uncommitted_changes(root: Path) -> bool:
    """Return whether the work tree differs from the commit in what the package is built from, its locks included."""
    tracked = (*SOURCES, "requirements.txt", "requirements-dev.txt")
    status = ("status", "--porcelain")
    return bool(
        _run_git(root, *status, "--untracked-files=no", "--", *tracked)
        or _run_git(root, *status, "--untracked-files=normal", "--", *TEMPLATE_SOURCES)
    )


def _run_git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise PackagingFailed("git was not found. The package contains the files that Git tracks.") from error
    except subprocess.CalledProcessError as error:
        raise PackagingFailed(f"git {arguments[0]} failed in {root}: {error.stderr.strip()}") from error
    return result.stdout
