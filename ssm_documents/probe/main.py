"""The program on the instance.

python probe.pyz run [--once] CONFIG    beats for ever, or once (exit status 0 if the desk heard it)
python probe.pyz hold | keep | status | history ...    what people call as gpudesk-hold and its like (`commands.py`)
python probe.pyz --version
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ssm_documents.probe import VERSION


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    """Exit status, for the zipapp. What people call starts without the SDK, which takes a second to import."""
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if verb == "--version":
        print(f"gpudesk probe {VERSION}")
        return 0
    if verb == "run":
        from ssm_documents.probe.service import run_probe  # noqa: PLC0415

        return run_probe(rest)
    from ssm_documents.probe.commands import COMMANDS  # noqa: PLC0415

    if verb not in COMMANDS:
        print(f"one of run, {', '.join(COMMANDS)} or --version, not {verb!r}", file=sys.stderr)
        return 2
    return COMMANDS[verb](rest)
