"""Fake `curl`: known downloads of setups come from `internet`; for everything else this computer's curl runs.

A machine reaches nothing outside of this computer.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from .internet import content

REAL = "/.machine/usr/bin/curl"


def main(arguments: Sequence[str]) -> int:
    """Write a known file to `--output FILE`, else run the real curl."""
    words = list(arguments)
    url = next((word for word in words if "://" in word), "")
    published = content(url)
    if published is None or "--output" not in words:
        os.execv(REAL, ["curl", *arguments])
    Path(words[words.index("--output") + 1]).write_bytes(published)
    return 0
