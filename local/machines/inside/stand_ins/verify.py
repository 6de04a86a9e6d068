"""What a setup verifies its downloads by: `sha256sum`, `gpg` and `ldd`, for the files of `internet`.

A made-up file has neither the checksum nor the key of the real one. Here it passes for it as long as not a byte of it
is another, and no other file does; so the scripts' own checks really decide.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from .internet import miniconda, nvidia
from .system_release import glibc

URL = "https://repo.anaconda.com/miniconda/Miniconda3-{}-Linux-x86_64.sh"


def sha256sum(arguments: Sequence[str]) -> int:
    """`sha256sum [FILE...]`."""
    status = 0
    for name in list(arguments) or ["-"]:
        try:
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            print(f"sha256sum: {name}: {error.strerror}", file=sys.stderr)
            status = 1
        else:
            print(f"{_published(content) or hashlib.sha256(content).hexdigest()}  {name}")
    return status


def gpg(arguments: Sequence[str]) -> int:
    """`gpg ... --import-options show-only --import FILE` and `gpg ... --dearmor --output TARGET FILE`."""
    words = list(arguments)
    key = Path(words[-1]).read_bytes()
    if "--dearmor" in words:
        Path(words[words.index("--output") + 1]).write_bytes(key)
    else:
        fingerprint = nvidia.FINGERPRINT if key == nvidia.KEY else hashlib.sha1(key).hexdigest().upper()
        print(f"pub:-:4096:1:{fingerprint[-16:]}:1466017600:::-:\nfpr:::::::::{fingerprint}:")
    return 0


def ldd(arguments: Sequence[str]) -> int:
    """`ldd --version`: the C library of the machine's release."""
    if list(arguments) != ["--version"]:
        print("ldd: this stand-in knows --version alone", file=sys.stderr)
        return 1
    print(f"ldd (Ubuntu GLIBC {glibc()}-0ubuntu1) {glibc()}")
    return 0


def _published(content: bytes) -> str | None:
    for release, checksum in miniconda.PUBLISHED.items():
        if content == miniconda.content(URL.format(release)):
            return checksum
    return None
