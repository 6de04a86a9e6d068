"""`make replay HISTORY=FILE.jsonl [POLICY=FILE.json]`: JSON lines on stdout, all else on stderr."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from tools.replay.history import Event, Malformed, read
from tools.replay.player import Action, Player
from tools.replay.policy import Policy, WrongPolicy, read_policy

REFUSED = 1
MISUSED = 2


def main(arguments: list[str], out: TextIO, err: TextIO) -> int:
    """:returns: the exit status; 0 only if everything could be read, and nothing is printed to `out` before that"""
    parser = argparse.ArgumentParser(prog="make replay HISTORY=FILE.jsonl [POLICY=FILE.json]", add_help=False)
    parser.add_argument("history", type=Path)
    parser.add_argument("policy", type=Path, nargs="?")
    given = parser.parse_args(arguments)
    try:
        policy = read_policy(given.policy) if given.policy else Policy()
        with given.history.open("rb") as lines:
            actions, wrong = replayed(lines, policy)
    except WrongPolicy as problem:
        err.writelines(f"{given.policy}: {line}\n" for line in str(problem).splitlines())
        return REFUSED
    except OSError as problem:
        err.write(f"{problem.filename}: {problem.strerror}\n")
        return MISUSED
    if wrong:
        err.writelines(f"{given.history}: {each}\n" for each in wrong)
        return REFUSED
    _print(actions, out)
    return 0


def replayed(lines: Iterable[bytes], policy: Policy) -> tuple[list[Action], list[Malformed]]:
    """What the desk would have done, and what cannot be read; where there is any of that, the first means nothing."""
    wrong: list[Malformed] = []
    return list(Player(policy).play(_events(lines, wrong))), wrong


def in_json(action: Action) -> str:
    """One line, as `make replay` prints it."""
    at = action.at.isoformat().replace("+00:00", "Z")
    return json.dumps({"at": at, "action": action.action, "reason": action.reason})


def _print(actions: Iterable[Action], out: TextIO) -> None:
    """Whoever reads may have seen enough (`| head`): then what is left goes nowhere, also when Python ends."""
    try:
        out.writelines(f"{in_json(action)}\n" for action in actions)
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _events(lines: Iterable[bytes], wrong: list[Malformed]) -> Iterator[Event]:
    """Once a line is malformed nothing more is played, only read, so that every one of them is named."""
    for each in read(lines):
        if isinstance(each, Malformed):
            wrong.append(each)
        elif not wrong:
            yield each


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
