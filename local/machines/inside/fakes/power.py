"""Fake `reboot`, `poweroff`, `halt` and `shutdown`, which ask the host to switch the machine off or to reboot it."""

import sys
from collections.abc import Sequence

from local.machines.inside.wire import exchange


def reboot(_: Sequence[str]) -> int:
    """Reboot now."""
    return _request_power("reboot", 0)


def poweroff(_: Sequence[str]) -> int:
    """Switch off now."""
    return _request_power("off", 0)


def shutdown(arguments: Sequence[str]) -> int:
    """Run `shutdown [-r|-h|-P|-c|--show] [now|+MINUTES]`. Without a time, shut down in one minute."""
    if "--show" in arguments:
        action = exchange({"query": "scheduled"})["action"]
        print(f"Shutdown scheduled ({action}), use 'shutdown -c' to cancel." if action else "No scheduled shutdown.")
        return 0 if action else 1
    if "-c" in arguments:
        return _request_power(None, 0)
    words = [word for word in arguments if not word.startswith("-")]
    when = words[0] if words else "+1"
    if when != "now" and not when.removeprefix("+").isdigit():
        print(f"Failed to parse time specification: {when}", file=sys.stderr)
        return 1
    minutes = 0 if when == "now" else int(when)
    return _request_power("reboot" if "-r" in arguments else "off", minutes * 60)


def _request_power(action: str | None, after: float) -> int:
    exchange({"query": "power", "action": action, "after": after})
    return 0
