"""`reboot`, `poweroff`, `halt` and `shutdown`: the host is told, and turns the machine off or over."""

import sys
from collections.abc import Sequence

from local.machines.inside.wire import exchange


def reboot(_: Sequence[str]) -> int:
    """Now."""
    return _order("reboot", 0)


def poweroff(_: Sequence[str]) -> int:
    """Now."""
    return _order("off", 0)


def shutdown(arguments: Sequence[str]) -> int:
    """`shutdown [-r|-h|-P|-c|--show] [now|+MINUTES]`; without a time, in a minute."""
    if "--show" in arguments:
        how = exchange({"ask": "scheduled"})["how"]
        print(f"Shutdown scheduled ({how}), use 'shutdown -c' to cancel." if how else "No scheduled shutdown.")
        return 0 if how else 1
    if "-c" in arguments:
        return _order(None, 0)
    words = [word for word in arguments if not word.startswith("-")]
    when = words[0] if words else "+1"
    if when != "now" and not when.removeprefix("+").isdigit():
        print(f"Failed to parse time specification: {when}", file=sys.stderr)
        return 1
    minutes = 0 if when == "now" else int(when)
    return _order("reboot" if "-r" in arguments else "off", minutes * 60)


def _order(how: str | None, after: float) -> int:
    exchange({"ask": "power", "how": how, "after": after})
    return 0
