"""Fake releases of uv on GitHub: an archive with the program, and its checksum."""

import gzip
import hashlib
import io
import re
import tarfile

RELEASE_URL = re.compile(r"https://github\.com/astral-sh/uv/releases/download/(?P<version>[\d.]+)/(?P<file>uv-[\w.-]+)")

FAKE_UV = """#!/.machine/bin/python3 -SEs
import sys
sys.path.insert(0, "/.machine/code")
from local.machines.inside.fakes.uv import main
sys.exit(main(sys.argv[1:], "{version}"))
"""


def find_content(url: str, program: bytes | None = None) -> bytes | None:
    """Return the archive or its checksum; None for any other URL.

    :param program: program in the archive; None is the fake uv of `uv.py`
    """
    release = RELEASE_URL.fullmatch(url)
    if release is None:
        return None
    name = release["file"].removesuffix(".sha256")
    packed = _build_archive(name, program or FAKE_UV.format(version=release["version"]).encode())
    if name != release["file"]:
        return f"{hashlib.sha256(packed).hexdigest()} *{name}\n".encode()
    return packed


def _build_archive(file: str, program: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(f"{file.partition('.tar')[0]}/uv")
        entry.mode, entry.size = 0o755, len(program)
        archive.addfile(entry, io.BytesIO(program))
    return gzip.compress(packed.getvalue(), 1, mtime=0)
