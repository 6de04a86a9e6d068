"""A zip whose bytes depend on the names and contents of its files only."""

import zipfile
from pathlib import Path

EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)
"""The zip format has no earlier time."""

MODE = 0o100644
"""A regular file that all users can read: Lambda runs the code as another user than the one who built the zip."""

UNIX = 3
"""Value of `create_system`: unzip programs apply the mode of an entry only if it comes from Unix."""


def write_zip(folder: Path, file: Path) -> None:
    """Write all files of a folder, sorted, with one time and one mode."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, EARLIEST_TIME)
            entry.create_system, entry.external_attr = UNIX, MODE << 16
            content = (folder / name).read_bytes()
            archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
