"""`curl`: what a setup fetches from the internet is made up here (`internet`); all else is this computer's curl.

A machine reaches nothing outside.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from .internet import content

REAL = "/.machine/usr/bin/curl"


def main(arguments: Sequence[str]) -> int:
    """Write to `--output FILE` what is known; else be the real one."""
    words = list(arguments)
    url = next((word for word in words if "://" in word), "")
    published = content(url)
    if published is None or "--output" not in words:
        os.execv(REAL, ["curl", *arguments])
    Path(words[words.index("--output") + 1]).write_bytes(published)
    return 0
