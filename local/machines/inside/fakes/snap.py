"""Fake `snap`, with the SSM agent as its only package, and refreshes that can be held (`get`: shell/snap.sh)."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

HOLD = Path("/var/lib/snapd/refresh.hold")
KEY = "refresh.hold"


def main(arguments: Sequence[str]) -> int:
    """List the SSM agent, as on Ubuntu's images, and hold refreshes. No other package can be installed."""
    match [word for word in arguments if not word.startswith("-")] or ["list"]:
        case ["install", *names] if names != ["amazon-ssm-agent"]:
            print(f'error: snap "{" ".join(names)}" not found', file=sys.stderr)
            return 1
        case ["list"]:
            print("Name              Version      Rev    Tracking         Publisher  Notes")
            print("amazon-ssm-agent  3.3.2746.0   11797  latest/stable/…  aws✓       classic")
        case ["set", "system", setting] if setting.startswith(f"{KEY}="):
            return _hold(setting.partition("=")[2])
        case ["refresh", *_]:
            print("All snaps up to date." if is_refresh_allowed() else "Refreshes are held.")
    return 0


def is_refresh_allowed() -> bool:
    """Return whether snapd may refresh its packages now."""
    if not HOLD.exists():
        return True
    end = HOLD.read_text()
    return end != "forever" and datetime.fromisoformat(end) <= datetime.now(UTC)


def _hold(end: str) -> int:
    try:
        if end != "forever" and datetime.fromisoformat(end).tzinfo is None:
            raise ValueError(end)
    except ValueError:
        print(f'error: cannot perform: refresh.hold value "{end}" is invalid', file=sys.stderr)
        return 1
    HOLD.parent.mkdir(parents=True, exist_ok=True)
    HOLD.write_text(end)
    return 0
