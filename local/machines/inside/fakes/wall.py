"""Fake `wall`, which stores messages in place of showing them on terminals."""

import sys
from collections.abc import Sequence
from pathlib import Path

MESSAGES = Path("/var/log/wall")


def main(arguments: Sequence[str]) -> int:
    """Append the message of the arguments, or of standard input, to /var/log/wall."""
    words = [word for word in arguments if not word.startswith("-")]
    text = " ".join(words) if words else sys.stdin.read().rstrip("\n")
    with MESSAGES.open("a") as file:
        file.write(f"{text}\n")
    return 0
