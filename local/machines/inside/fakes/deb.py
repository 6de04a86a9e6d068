"""`dpkg-deb --extract FILE FOLDER`, where this computer may have none."""

import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER = 60


def main(arguments: Sequence[str]) -> int:
    """dpkg-deb's exit codes: 0, or 2."""
    _, file, folder = arguments
    try:
        data = _member(Path(file).read_bytes(), "data.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, ValueError, tarfile.TarError) as error:
        print(f"dpkg-deb: error: '{file}' is not a Debian format archive: {error}", file=sys.stderr)
        return 2
    return 0


def _member(packed: bytes, wanted: str) -> bytes:
    if not packed.startswith(MAGIC):
        raise ValueError("no magic number")
    at = len(MAGIC)
    while at < len(packed):
        name, size = packed[at : at + 16].decode().strip(), int(packed[at + 48 : at + 58])
        at += HEADER
        if name == wanted:
            return packed[at : at + size]
        at += size + size % 2
    raise ValueError(f"there is no {wanted} in it")
