"""Run `make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`: actions on stdout as JSON lines, problems on stderr."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from chalicelib.domain.instances.spec import Policy
from local.output import end_quietly_if_closed
from tools.replay.events import Event, Heartbeat, Ready
from tools.replay.history import MalformedLine, read_events
from tools.replay.player import Action, Simulator
from tools.replay.policy import InvalidPolicy, read_policy

EXIT_INVALID = 1
EXIT_UNREADABLE = 2

MAX_PRINTED_LINES = 5
"""Number of malformed lines that are printed: if the file is not a history, every line is malformed."""

REQUIRED_LINES = (
    'a history needs {"at": "2026-01-05T09:00:00Z", "event": "ready"} and then a "heartbeat" every minute, as '
    "gpudesk-history writes them"
)


def main(arguments: list[str], out: TextIO, err: TextIO) -> int:
    """Replay a history and return the exit status.

    :returns: 0 only if the history and the policy are valid; otherwise nothing is written to `out`
    """
    parser = argparse.ArgumentParser(
        prog="replay",
        usage="make replay HISTORY=FILE.jsonl [POLICY=FILE.json]",
        description="Print the actions that gpudesk would have taken with a policy on the history of an instance.",
    )
    parser.add_argument("history", type=Path, help="history of one instance, written by gpudesk-history")
    parser.add_argument("policy", type=Path, nargs="?", help="policy to try (default: gpudesk's default policy)")
    options = parser.parse_args(arguments)
    try:
        policy = read_policy(options.policy) if options.policy else Policy()
        with options.history.open("rb") as lines:
            result = run_replay(lines, policy)
    except InvalidPolicy as problem:
        err.writelines(f"{options.policy}: {line}\n" for line in str(problem).splitlines())
        return EXIT_INVALID
    except OSError as problem:
        err.write(f"{problem.filename}: {problem.strerror}\n")
        return EXIT_UNREADABLE
    if result.malformed:
        err.writelines(f"{options.history}: {line}\n" for line in result.malformed[:MAX_PRINTED_LINES])
        if len(result.malformed) > MAX_PRINTED_LINES:
            err.write(f"{options.history}: in total, {len(result.malformed)} lines are malformed\n")
        return EXIT_INVALID
    err.writelines(f"{options.history}: {gap}\n" for gap in result.gaps)
    if not result.actions and not result.gaps:
        err.write(f"{options.history}: gpudesk would have done nothing\n")
    _write(result.actions, out)
    return 0


@dataclass(frozen=True)
class ReplayResult:
    """Result of a replay.

    :param actions: actions that gpudesk would have taken; incomplete if a line is malformed
    :param malformed: malformed lines
    :param gaps: messages about missing events, without which gpudesk could not decide
    """

    actions: list[Action]
    malformed: list[MalformedLine]
    gaps: list[str]


def run_replay(lines: Iterable[bytes], policy: Policy) -> ReplayResult:
    """Replay a history with a policy."""
    malformed: list[MalformedLine] = []
    kinds: set[type[Event]] = set()
    simulator = Simulator(policy)
    actions = list(simulator.play(_collect_events(lines, malformed, kinds)))
    return ReplayResult(actions, malformed, list(_find_gaps(kinds, simulator)))


def to_json_line(action: Action) -> str:
    """Return an action as a line of JSON."""
    return json.dumps({"at": format_time(action.at), "action": action.action, "reason": action.reason})


def format_time(moment: datetime) -> str:
    """Return a time in the format of a history: 2026-01-05T09:00:00Z."""
    return moment.isoformat().replace("+00:00", "Z")


def _write(actions: Iterable[Action], out: TextIO) -> None:
    with end_quietly_if_closed(out):
        out.writelines(f"{to_json_line(action)}\n" for action in actions)


def _collect_events(lines: Iterable[bytes], malformed: list[MalformedLine], kinds: set[type[Event]]) -> Iterator[Event]:
    """Yield the events before the first malformed line, and collect all malformed lines."""
    for event in read_events(lines):
        if isinstance(event, MalformedLine):
            malformed.append(event)
        elif not malformed:
            kinds.add(type(event))
            yield event


def _find_gaps(kinds: set[type[Event]], simulator: Simulator) -> Iterator[str]:
    if not kinds:
        yield f"has no lines, so nothing was judged; {REQUIRED_LINES}"
    elif Ready not in kinds:
        yield f'has no line with "event": "ready", so nothing was judged; {REQUIRED_LINES}'
    elif Heartbeat not in kinds:
        yield f'has no line with "event": "heartbeat", so nothing was judged; {REQUIRED_LINES}'
    elif simulator.setup_started_at:
        since = format_time(simulator.setup_started_at)
        yield f'has no "setup_ended" or "ready" after the "setup_started" of {since}, so nothing was judged after that'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
