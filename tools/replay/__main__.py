"""`make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`: JSON lines on stdout, all else on stderr."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from chalicelib.domain.instances.spec import Policy
from tools.replay.history import Event, Heartbeat, MalformedLine, Ready, read
from tools.replay.player import Action, Simulator
from tools.replay.policy import InvalidPolicy, read_policy

REFUSED = 1
MISUSED = 2

WHAT_IS_NEEDED = (
    'needed are {"at": "2026-01-05T09:00:00Z", "event": "ready"}, where it can be used from, and then a "heartbeat" a '
    "minute, as gpudesk-history writes them"
)


def main(arguments: list[str], out: TextIO, err: TextIO) -> int:
    """:returns: the exit status; 0 only if everything could be read, and nothing is printed to `out` before that"""
    parser = argparse.ArgumentParser(prog="make replay HISTORY=FILE.jsonl [POLICY=FILE.json]", add_help=False)
    parser.add_argument("history", type=Path)
    parser.add_argument("policy", type=Path, nargs="?")
    given = parser.parse_args(arguments)
    try:
        policy = read_policy(given.policy) if given.policy else Policy()
        with given.history.open("rb") as lines:
            played = run_replay(lines, policy)
    except InvalidPolicy as problem:
        err.writelines(f"{given.policy}: {line}\n" for line in str(problem).splitlines())
        return REFUSED
    except OSError as problem:
        err.write(f"{problem.filename}: {problem.strerror}\n")
        return MISUSED
    if played.wrong:
        err.writelines(f"{given.history}: {each}\n" for each in played.wrong)
        return REFUSED
    err.writelines(f"{given.history}: {lack}\n" for lack in played.lacks)
    _print(played.actions, out)
    return 0


@dataclass(frozen=True)
class ReplayResult:
    """What came of a history.

    :param actions: what the desk would have done; where anything is wrong, that means nothing
    :param wrong: the lines that cannot be read
    :param lacks: what it does not say, so that nothing, or only a part of it, could be judged
    """

    actions: list[Action]
    wrong: list[MalformedLine]
    lacks: list[str]


def run_replay(lines: Iterable[bytes], policy: Policy) -> ReplayResult:
    """Play a history under a policy."""
    wrong: list[MalformedLine] = []
    kinds: set[type[Event]] = set()
    player = Simulator(policy)
    actions = list(player.play(_events(lines, wrong, kinds)))
    return ReplayResult(actions, wrong, list(_lacks(kinds, player)))


def in_json(action: Action) -> str:
    """One line, as `make replay` prints it."""
    return json.dumps({"at": in_utc(action.at), "action": action.action, "reason": action.reason})


def in_utc(moment: datetime) -> str:
    """As a history has it: 2026-01-05T09:00:00Z."""
    return moment.isoformat().replace("+00:00", "Z")


def _print(actions: Iterable[Action], out: TextIO) -> None:
    """Whoever reads may have seen enough (`| head`): then what is left goes nowhere, also when Python ends."""
    try:
        out.writelines(f"{in_json(action)}\n" for action in actions)
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _events(lines: Iterable[bytes], wrong: list[MalformedLine], kinds: set[type[Event]]) -> Iterator[Event]:
    """Once a line is malformed nothing more is played, only read, so that every one of them is named."""
    for each in read(lines):
        if isinstance(each, MalformedLine):
            wrong.append(each)
        elif not wrong:
            kinds.add(type(each))
            yield each


def _lacks(kinds: set[type[Event]], player: Simulator) -> Iterator[str]:
    if not kinds:
        yield f"has no line, so there is nothing to judge; {WHAT_IS_NEEDED}"
    elif Ready not in kinds:
        yield f'has no line with "event": "ready", so nothing was judged; {WHAT_IS_NEEDED}'
    elif Heartbeat not in kinds:
        yield f'has no line with "event": "heartbeat", so nothing is known of its use; {WHAT_IS_NEEDED}'
    elif player.setup_began_at:
        since = in_utc(player.setup_began_at)
        yield f'has no "setup_ended" (or "ready") after the "setup_started" of {since}; nothing was judged after that'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
