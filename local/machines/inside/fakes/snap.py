"""Fake `snap`, with the SSM agent as its only package."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """List the SSM agent, as on Ubuntu's images. No other package can be installed."""
    verb, *names = [word for word in arguments if not word.startswith("-")] or ["list"]
    if verb == "install" and names != ["amazon-ssm-agent"]:
        print(f'error: snap "{" ".join(names)}" not found', file=sys.stderr)
        return 1
    if verb == "list":
        print("Name              Version      Rev    Tracking         Publisher  Notes")
        print("amazon-ssm-agent  3.3.2746.0   11797  latest/stable/…  aws✓       classic")
    return 0
