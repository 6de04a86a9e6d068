"""Fake `wall` and `snap`."""

import sys
from collections.abc import Sequence
from pathlib import Path

WALL = Path("/var/log/wall")


def wall(arguments: Sequence[str]) -> int:
    """Append the message to /var/log/wall."""
    words = [word for word in arguments if not word.startswith("-")]
    text = " ".join(words) if words else sys.stdin.read().rstrip("\n")
    with WALL.open("a") as file:
        file.write(f"{text}\n")
    return 0


def snap(arguments: Sequence[str]) -> int:
    """List the SSM agent, as on Ubuntu's images. Nothing else can be installed."""
    verb, *names = [word for word in arguments if not word.startswith("-")] or ["list"]
    if verb == "install" and names != ["amazon-ssm-agent"]:
        print(f'error: snap "{" ".join(names)}" not found', file=sys.stderr)
        return 1
    if verb == "list":
        print("Name              Version      Rev    Tracking         Publisher  Notes")
        print("amazon-ssm-agent  3.3.2746.0   11797  latest/stable/…  aws✓       classic")
    return 0
