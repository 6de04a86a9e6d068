"""Unzip of the package, as Lambda does before a function's first process."""

import zipfile
from pathlib import Path


def unpack(file: Path, folder: Path) -> Path:
    """Unzip the package into an empty folder, read-only as on Lambda.

    :returns: the folder
    """
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder
