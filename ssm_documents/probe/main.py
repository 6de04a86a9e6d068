"""The entry point of the zipapp.

python probe.pyz run [--once] CONFIG    send heartbeats forever, or once (exit status 0: the heartbeat was written)
python probe.pyz hold | keep | status | history ...    the commands gpudesk-hold, gpudesk-keep and so on
python probe.pyz --version
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ssm_documents.probe import VERSION


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    """Run one command and return its exit status.

    Only `run` imports boto3, which takes a second: users do not wait for it.
    """
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if verb == "--version":
        print(f"gpudesk probe {VERSION}")
        return 0
    if verb == "run":
        from ssm_documents.probe.service import run_probe  # noqa: PLC0415

        return run_probe(rest)
    from ssm_documents.probe.commands import COMMANDS  # noqa: PLC0415

    if verb not in COMMANDS:
        print(f"Unknown command {verb!r}. Use run, {', '.join(COMMANDS)} or --version.", file=sys.stderr)
        return 2
    return COMMANDS[verb](rest)
