"""Pseudo-terminals, and when somebody last typed on each."""

from __future__ import annotations

import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssm_documents.probe.signals.processes import MAX_NAME_LENGTH, PROC, Process

PTS = Path("/dev/pts")

CONNECTIONS = ("sshd", "sshd-session", "ssm-session-worker")
"""Programs that hold a connection and close their terminal when it ends. Terminals of tmux, screen, Jupyter and editors
outlive the connection."""

CONNECTION_NAMES = {name[:MAX_NAME_LENGTH] for name in CONNECTIONS}


@dataclass(frozen=True)
class Terminal:
    """A pseudo-terminal of this instance. The terminals of containers are in other folders and do not count.

    :param name: as printed by `who` ("pts/3")
    :param device: device number; processes on the terminal have the same number
    :param last_input_ns: when a program last read input from the terminal, or when the terminal was opened. The kernel
        updates this time at most every eight seconds, and not for output.
        https://git.kernel.org/torvalds/c/b0b885657b6c
    """

    name: str
    device: int
    owner: int
    last_input_ns: int


def list_terminals(folder: Path = PTS) -> list[Terminal]:
    """Return the open terminals."""
    terminals = []
    for path in sorted(folder.iterdir()):
        if not path.name.isdecimal():
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        terminals.append(Terminal(f"pts/{path.name}", status.st_rdev, status.st_uid, status.st_atime_ns))
    return terminals


def describe_terminal(terminal: Terminal, processes: Sequence[Process], folder: Path = PTS, proc: Path = PROC) -> str:
    """Return the name of the terminal with its user and leading program, as far as they are known."""
    attached = _find_processes(terminal, processes, folder, proc)
    leader = _find_leader(attached) or (attached[0] if attached else None)
    user = _find_user_name(_read_owner(leader.pid, proc) if leader else terminal.owner, terminal.owner)
    return f"{terminal.name} of {user}" + (f" ({leader.name})" if leader else "")


def is_connected(terminal: Terminal, processes: Sequence[Process], folder: Path = PTS, proc: Path = PROC) -> bool:
    """Return whether a program that holds a connection has opened the terminal."""
    leader = _find_leader(_find_processes(terminal, processes, folder, proc))
    opener = next((process.name for process in processes if leader and process.pid == leader.parent), "")
    return opener in CONNECTION_NAMES


def _find_processes(terminal: Terminal, processes: Sequence[Process], folder: Path, proc: Path) -> list[Process]:
    return [
        process
        for process in processes
        if process.terminal == terminal.device and _shares_terminals(process.pid, folder, proc)
    ]


def _find_leader(attached: Sequence[Process]) -> Process | None:
    return next((process for process in attached if process.pid == process.session), None)


def _shares_terminals(pid: int, folder: Path, proc: Path) -> bool:
    """Return whether a process sees the terminals of this instance: those of a container have the same numbers."""
    try:
        return (proc / str(pid) / "root" / folder.relative_to("/")).stat().st_dev == folder.stat().st_dev
    except OSError:
        return False


def _read_owner(pid: int, proc: Path) -> int | None:
    try:
        return (proc / str(pid)).stat().st_uid
    except OSError:
        return None


def _find_user_name(uid: int | None, default: int) -> str:
    number = default if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
