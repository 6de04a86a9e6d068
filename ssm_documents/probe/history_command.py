"""The command gpudesk-history: prints what the probe measured."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ssm_documents.probe.arguments import parse_time
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History


def run_history(arguments: Sequence[str], paths: ProbePaths | None = None) -> int:
    """Print the history in the format that `make replay` reads."""
    parser = argparse.ArgumentParser(
        prog="gpudesk-history", description="Print what the probe measured, one JSON object per line."
    )
    parser.add_argument(
        "--since", type=parse_time, metavar="TIME", help="leave out lines before this time, such as 2026-11-24T18:00Z"
    )
    options = parser.parse_args(arguments)
    try:
        for line in History((paths or ProbePaths()).history).read_lines(options.since):
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has ended, as in `gpudesk-history | head`. Python must not fail when it flushes at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
