"""The command gpudesk-hold: marks the instance as in use."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.domain.common.text import format_date_time, pluralize
from ssm_documents.probe.arguments import parse_duration, parse_time
from ssm_documents.probe.files import ProbePaths, read_user_file, write_json

FORWARDED_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

EXIT_NOT_RUNNABLE = 127
"""Exit status of a command that was not found or cannot be run, as in a shell."""


def run_hold(arguments: Sequence[str], paths: ProbePaths | None = None) -> int:
    """Hold the instance while a command runs or until a time, or release the holds of this user."""
    folder = (paths or ProbePaths()).holds
    options = _parse(arguments)
    if options.release:
        print(f"Released {pluralize(_release(folder), 'hold')}.")
        return 0
    path = folder / f"{int(time.time())}-{os.getpid()}.json"
    if options.until:
        try:
            write_json(path, {"reason": options.reason or "held by a user", "until": options.until.isoformat()})
        except OSError as error:
            print(f"gpudesk-hold: {_describe_failure(path, error)}", file=sys.stderr)
            return 1
        print(f"Held until {format_date_time(options.until)}. To release it, run gpudesk-hold --release.")
        return 0
    return _hold_while(options.command, options.reason or " ".join(options.command), path)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gpudesk-hold",
        description="Mark this instance as in use, so that it is not idle, while a command runs or until a time.",
    )
    parser.add_argument("--until", type=parse_time, metavar="TIME", help="hold until a time, such as 2026-11-24T18:00Z")
    parser.add_argument(
        "--for",
        dest="duration",
        type=parse_duration,
        metavar="DURATION",
        help="hold for a duration, such as 90m, 3h or 2d",
    )
    parser.add_argument("--release", action="store_true", help="end the holds that you set with --until or --for")
    parser.add_argument("--reason", default="", help="why; gpudesk-status and the API show it")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="hold while this command runs")
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if sum(map(bool, (options.command, options.until, options.duration, options.release))) != 1:
        parser.error("give exactly one of --until, --for, --release and a command")
    now = datetime.now(UTC)
    if options.duration:
        options.until = now + options.duration
    if options.until and options.until <= now:
        parser.error(f"--until {format_date_time(options.until)} is in the past. Now it is {format_date_time(now)}.")
    return options


def _release(folder: Path) -> int:
    """Remove this user's holds that have an end; root removes those of all users. Return how many there were."""
    released = 0
    for path in folder.glob("*.json"):
        try:
            if os.getuid() in (0, path.lstat().st_uid) and read_user_file(path)["until"]:
                path.unlink()
                released += 1
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return released


def _hold_while(command: Sequence[str], reason: str, path: Path) -> int:
    """Run a command while the hold file is locked. The kernel unlocks it when this process ends, for any reason.

    The command also runs if the hold cannot be written, because it is what the user wants.
    """
    descriptor: int | None = None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"reason": reason[:200], "until": None}).encode())
    except OSError as error:
        # A locked file without content makes the hold signal unknown, so gpudesk does not stop the instance as idle.
        print(f"gpudesk-hold: {_describe_failure(path, error)} The command runs without a hold.", file=sys.stderr)
    try:
        return _run_forwarding_signals(command)
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _describe_failure(path: Path, error: OSError) -> str:
    return (
        f"The hold could not be written to {path.parent}: {error.strerror}. Free space (df -h /), or keep the "
        "instance from gpudesk (POST /instances/NAME/keep)."
    )


def _run_forwarding_signals(command: Sequence[str]) -> int:
    """Run a command and return its exit status as a shell does: 127 if it cannot be run."""
    child: subprocess.Popen[bytes] | None = None
    early_signals: list[int] = []

    def forward(number: int, _: Any) -> None:
        if child is None:
            early_signals.append(number)
        else:
            child.send_signal(number)

    for number in FORWARDED_SIGNALS:
        signal.signal(number, forward)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"gpudesk-hold: {command[0]}: {error.strerror}", file=sys.stderr)
        return EXIT_NOT_RUNNABLE
    for early_signal in early_signals:
        child.send_signal(early_signal)
    code = child.wait()
    return code if code >= 0 else 128 - code
