"""Fake `gpg` and `ldd`, with which setups verify the files of `internet`. `sha256sum` is in `sandbox/programs.py`.

A fake file has neither the checksum nor the key of the real file. These programs print those of the real file for a
fake file, but only if all its bytes are as expected. So the checks of the setup scripts can really fail.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from . import nvidia_repository
from .system_release import find_glibc_version


def gpg(arguments: Sequence[str]) -> int:
    """Run `gpg ... --import-options show-only --import FILE` and `gpg ... --dearmor --output TARGET FILE`."""
    words = list(arguments)
    key = Path(words[-1]).read_bytes()
    if "--dearmor" in words:
        Path(words[words.index("--output") + 1]).write_bytes(key)
    else:
        fingerprint = (
            nvidia_repository.FINGERPRINT if key == nvidia_repository.KEY else hashlib.sha1(key).hexdigest().upper()
        )
        print(f"pub:-:4096:1:{fingerprint[-16:]}:1466017600:::-:\nfpr:::::::::{fingerprint}:")
    return 0


def ldd(arguments: Sequence[str]) -> int:
    """Print the C library of the machine's release for `ldd --version`."""
    if list(arguments) != ["--version"]:
        print("ldd: this fake supports only --version", file=sys.stderr)
        return 1
    print(f"ldd (Ubuntu GLIBC {find_glibc_version()}-0ubuntu1) {find_glibc_version()}")
    return 0
