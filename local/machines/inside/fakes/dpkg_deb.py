"""Fake `dpkg-deb --extract FILE FOLDER`, because this computer may have no dpkg-deb."""

import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER_BYTES = 60


def main(arguments: Sequence[str]) -> int:
    """Extract a package, and return the exit code of dpkg-deb: 0 or 2."""
    _, file, folder = arguments
    try:
        data = _extract_member(Path(file).read_bytes(), "data.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, ValueError, tarfile.TarError) as error:
        print(f"dpkg-deb: error: '{file}' is not a Debian format archive: {error}", file=sys.stderr)
        return 2
    return 0


def _extract_member(archive: bytes, member: str) -> bytes:
    if not archive.startswith(MAGIC):
        raise ValueError("the magic number is missing")
    position = len(MAGIC)
    while position < len(archive):
        name, size = archive[position : position + 16].decode().strip(), int(archive[position + 48 : position + 58])
        position += HEADER_BYTES
        if name == member:
            return archive[position : position + size]
        position += size + size % 2
    raise ValueError(f"it contains no {member}")
