"""What people call on the machine: gpudesk-hold, gpudesk-keep, gpudesk-status, gpudesk-history."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.domain.common.text import format_date_time
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History

REPLY_TIMEOUT_SECONDS = 200.0
"""A beat tells the desk, its next sweep decides, the beat after that brings the answer."""

POLL_SECONDS = 0.5

DURATION_PATTERN = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[mhd])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

DURATION_HELP = "must be a number and m, h or d, such as 90m, 4h or 2d, more than nothing and at most 365d"
RIGHT_MOMENT = "must be a time with its zone, such as 2026-11-24T18:00Z"


PATHS = ProbePaths()

FORWARDED_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def hold(arguments: Sequence[str], places: ProbePaths = PATHS) -> int:
    """In use for as long as a command runs, or until a time."""
    parser = argparse.ArgumentParser(prog="gpudesk-hold", description="Says that this machine is in use.")
    parser.add_argument("--until", type=_moment, help="a time with its zone, such as 2026-11-24T18:00Z")
    parser.add_argument("--for", dest="span", type=_span, metavar="SPAN", help="such as 90m, 3h or 2d")
    parser.add_argument("--reason", default="", help="for whoever wonders")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="held while it runs")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    until = options.until or (datetime.now(UTC) + options.span if options.span else None)
    if (until is None) == (not command):
        parser.error("say a command, or --until or --for, and not both")
    now = datetime.now(UTC)
    if until and until <= now:
        parser.error(f"{format_date_time(until)} has passed (it is {format_date_time(now)}): nothing would be held")
    name = f"{int(time.time())}-{os.getpid()}.json"
    if until:
        _write_new(places.holds / name, {"reason": options.reason or "held by hand", "until": until.isoformat()})
        print(f"Held until {format_date_time(until)}. To let go: rm {places.holds / name}")
        return 0
    return _hold_while(command, options.reason or " ".join(command), places.holds / name)


def keep(arguments: Sequence[str], places: ProbePaths = PATHS, wait_seconds: float = REPLY_TIMEOUT_SECONDS) -> int:
    """Ask the desk to leave the machine running."""
    parser = argparse.ArgumentParser(prog="gpudesk-keep", description="Asks the desk to leave this machine running.")
    parser.add_argument("span", type=_span, nargs="?", help="from now, such as 4h")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the desk's answer")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(f"{unknown[0]} is no time to keep it for; {DURATION_HELP}")
    if options.span is None:
        parser.error(f"say for how long; {DURATION_HELP}")
    wish = f"{int(time.time())}-{secrets.token_hex(4)}"
    _write_new(places.keep_requests / f"{wish}.json", {"hours": options.span / timedelta(hours=1)})
    if options.no_wait:
        print("Asked. gpudesk-status shows what the desk says to it.")
        return 0
    print("Asked; the desk answers within some minutes.", flush=True)
    answer = _awaited(places.keep_results / f"{wish}.json", wait_seconds)
    if answer is None:
        print("No answer yet: the probe goes on asking. See gpudesk-status.", file=sys.stderr)
        return 1
    print(f"{'Granted' if answer['granted'] else 'Refused'}: {answer['message']}")
    return 0 if answer["granted"] else 1


def status(arguments: Sequence[str], places: ProbePaths = PATHS) -> int:
    """What the probe knows now."""
    argparse.ArgumentParser(prog="gpudesk-status", description="Shows what the desk's probe knows.").parse_args(
        arguments
    )
    known = _json(places.status)
    if known is None:
        print("The probe has not reported yet: systemctl status gpudesk-probe", file=sys.stderr)
        return 1
    for line in _status_lines(known):
        print(line)
    return 0


def history(arguments: Sequence[str], places: ProbePaths = PATHS) -> int:
    """What the probe saw, as `make replay` reads it."""
    parser = argparse.ArgumentParser(prog="gpudesk-history", description="Prints what the probe saw, a line each.")
    parser.add_argument("--since", type=_moment, help="a time with its zone, such as 2026-11-24T18:00Z")
    options = parser.parse_args(arguments)
    try:
        for line in History(places.history).lines(options.since):
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "hold": hold,
    "keep": keep,
    "status": status,
    "history": history,
}


def _hold_while(command: Sequence[str], reason: str, path: Path) -> int:
    """Run it with the file locked: the lock ends with this process, however that ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"reason": reason[:200], "until": None}).encode())
        return _run_passing_signals_on(command)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _run_passing_signals_on(command: Sequence[str]) -> int:
    """The command's exit status, as a shell gives it; 127 where it cannot be run."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for number in FORWARDED_SIGNALS:
        signal.signal(number, pass_on)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"gpudesk-hold: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for sent in early:
        child.send_signal(sent)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _write_new(path: Path, content: Any) -> None:
    """A file that the probe never sees half-written."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.replace(path)


def _awaited(path: Path, seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = _json(path)
        if answer is not None:
            return answer
        time.sleep(POLL_SECONDS)
    return None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content


def _status_lines(known: Mapping[str, Any]) -> list[str]:
    lines = [f"As of {known['at']}:"]
    for name, each in known["signals"].items():
        lines.append(f"  {name:<9} {each['state']:<8} since {each['since']}  {each['reason']}")
    orders = known["response"]
    if orders is None:
        return [*lines, "The desk has not said anything yet."]
    lines.append(
        f"Policy: a warning after {orders['idle_minutes']} idle minutes, the stop {orders['warning_minutes']} later; "
        f"what counts: {', '.join(orders['signals'])}. The desk's mode is {orders['mode']}."
    )
    if "keep_until" in orders:
        lines.append(f"Kept until {_utc(orders['keep_until'])}.")
    if "warning" in orders:
        lines.append(f"WARNING: it will be stopped at {_utc(orders['warning'][2])} ({orders['warning'][1]}).")
    if "keep_result" in orders:
        lines.append(f"To the last keep that was asked for here the desk says: {orders['keep_result'][2]}.")
    if known["self_stop_at"]:
        lines.append(f"WARNING: the desk is away; this machine stops itself at {known['self_stop_at']}.")
    if known["missed"]:
        lines.append(f"{known['missed']} heartbeats did not get through in the last hour.")
    return lines


def _utc(seconds: int) -> str:
    return format_date_time(datetime.fromtimestamp(seconds, UTC))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} {RIGHT_MOMENT}")


def _span(text: str) -> timedelta:
    found = DURATION_PATTERN.fullmatch(text)
    try:
        span = float(found["number"]) * UNITS[found["unit"]] if found else timedelta(0)
    except OverflowError:
        span = timedelta.max
    if not timedelta(0) < span <= timedelta(days=365):
        raise argparse.ArgumentTypeError(f"{text!r} {DURATION_HELP}")
    return span
