"""What a setup verifies its downloads by: `gpg` and `ldd`, for the files of `internet`; `sha256sum` is in `programs`.

A made-up file has neither the checksum nor the key of the real one. Here it passes for it as long as not a byte of it
is another, and no other file does; so the scripts' own checks really decide.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from .internet import nvidia
from .system_release import glibc


def gpg(arguments: Sequence[str]) -> int:
    """`gpg ... --import-options show-only --import FILE` and `gpg ... --dearmor --output TARGET FILE`."""
    words = list(arguments)
    key = Path(words[-1]).read_bytes()
    if "--dearmor" in words:
        Path(words[words.index("--output") + 1]).write_bytes(key)
    else:
        parameters_hash = nvidia.FINGERPRINT if key == nvidia.KEY else hashlib.sha1(key).hexdigest().upper()
        print(f"pub:-:4096:1:{parameters_hash[-16:]}:1466017600:::-:\nfpr:::::::::{parameters_hash}:")
    return 0


def ldd(arguments: Sequence[str]) -> int:
    """`ldd --version`: the C library of the machine's release."""
    if list(arguments) != ["--version"]:
        print("ldd: this stand-in knows --version alone", file=sys.stderr)
        return 1
    print(f"ldd (Ubuntu GLIBC {glibc()}-0ubuntu1) {glibc()}")
    return 0
