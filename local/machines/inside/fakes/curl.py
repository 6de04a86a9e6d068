"""Fake `curl`: it writes the known downloads of setups from `internet`, and runs the real curl for any other request.

A machine cannot reach a host outside this computer.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from .internet import find_content

REAL = "/.machine/usr/bin/curl"


def main(arguments: Sequence[str]) -> int:
    """Write a known file to `--output FILE`, or run the real curl."""
    words = list(arguments)
    url = next((word for word in words if "://" in word), "")
    published = find_content(url)
    if published is None or "--output" not in words:
        os.execv(REAL, ["curl", *arguments])
    Path(words[words.index("--output") + 1]).write_bytes(published)
    return 0
