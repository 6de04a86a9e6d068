"""Fake `journalctl -u UNIT`, which prints the log of a service."""

import sys
from collections.abc import Sequence

from local.machines.inside import units
from local.machines.inside.services import LOG_FOLDER


def main(arguments: Sequence[str]) -> int:
    """Print the log of one unit. Options other than -u and -n are ignored."""
    unit, lines = "", 0
    words = iter(arguments)
    for word in words:
        if word in ("-u", "--unit", "-xeu", "-eu"):
            unit = next(words, "")
        elif word.startswith("--unit="):
            unit = word.partition("=")[2]
        elif word in ("-n", "--lines"):
            lines = int(next(words, "10"))
    if not unit:
        print("No journal files were found.", file=sys.stderr)
        return 1
    log = LOG_FOLDER / f"{units.complete_name(unit)}.log"
    written = log.read_text(errors="replace").splitlines() if log.exists() else ["-- No entries --"]
    print("\n".join(written[-lines:]))
    return 0
