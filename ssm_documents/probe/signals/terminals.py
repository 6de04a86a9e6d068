"""Terminals, and when somebody last typed on each."""

from __future__ import annotations

import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssm_documents.probe.signals.processes import MAX_NAME_LENGTH, PROC, Process

PTS = Path("/dev/pts")

CONNECTIONS = ("sshd", "sshd-session", "ssm-session-worker")
"""Programs that hold somebody's connection, and with it end the terminal that they opened. A terminal of tmux, screen,
Jupyter or an editor's server outlives whoever looked at it."""


@dataclass(frozen=True)
class Terminal:
    """A pseudo-terminal of this machine. A container's lie in a folder of its own and are none.

    :param name: as `who` has it ("pts/3")
    :param device: its number, which a process that it controls bears
    :param typed: when a program last read input from it, or when it was opened. The kernel sets it no more often than
        each eight seconds, and not for what programs print. https://git.kernel.org/torvalds/c/b0b885657b6c
    """

    name: str
    device: int
    owner: int
    typed: int


def list_terminals(folder: Path = PTS) -> list[Terminal]:
    """Those that are open now, listed afresh."""
    found = []
    for path in sorted(folder.iterdir()):
        if not path.name.isdecimal():
            continue
        try:
            observation = path.stat()
        except FileNotFoundError:
            continue
        found.append(Terminal(f"pts/{path.name}", observation.st_rdev, observation.st_uid, observation.st_atime_ns))
    return found


def describe_terminal(terminal: Terminal, processes: Sequence[Process], folder: Path = PTS, proc: Path = PROC) -> str:
    """The terminal with its user and the program that leads it, as far as they can be found out."""
    holders = _holders(terminal, processes, folder, proc)
    leader = _leader(holders) or (holders[0] if holders else None)
    user = _user(_owner(leader.pid, proc) if leader else terminal.owner, terminal.owner)
    return f"{terminal.name} of {user}" + (f" ({leader.name})" if leader else "")


def is_connected(terminal: Terminal, processes: Sequence[Process], folder: Path = PTS, proc: Path = PROC) -> bool:
    """Whether it was opened by a program that holds somebody's connection."""
    leader = _leader(_holders(terminal, processes, folder, proc))
    opener = next((process.name for process in processes if leader and process.pid == leader.parent), "")
    return opener in {name[:MAX_NAME_LENGTH] for name in CONNECTIONS}


def _holders(terminal: Terminal, processes: Sequence[Process], folder: Path, proc: Path) -> list[Process]:
    return [
        process
        for process in processes
        if process.terminal == terminal.device and _sees_the_same_terminals(process.pid, folder, proc)
    ]


def _leader(holders: Sequence[Process]) -> Process | None:
    return next((holder for holder in holders if holder.pid == holder.session), None)


def _sees_the_same_terminals(pid: int, folder: Path, proc: Path) -> bool:
    """Whether its terminals are this machine's: a container's have the same numbers."""
    try:
        return (proc / str(pid) / "root" / folder.relative_to("/")).stat().st_dev == folder.stat().st_dev
    except OSError:
        return False


def _owner(pid: int, proc: Path) -> int | None:
    try:
        return (proc / str(pid)).stat().st_uid
    except OSError:
        return None


def _user(uid: int | None, otherwise: int) -> str:
    number = otherwise if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
