"""Running processes, with one short read of /proc for each.

psutil is not used here: it remembers the terminals of its first call, but terminals come and go.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

MAX_NAME_LENGTH = 15
"""Number of bytes of a program's name that the kernel keeps."""

AGENTS = ("amazon-ssm-agent", "ssm-agent-worker", "ssm-session-worker", "ssm-document-worker")
"""Programs of the SSM agent. What people start in a session is a child of one of them, but counts as activity."""

MAX_ARGUMENT_BYTES = 65_536

_ENDED = (b"Z", b"X")
"""States of an ended process that its parent has not waited for yet."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat.

    :param session: pid of the session leader
    :param terminal: device number of the controlling terminal; 0: none
    :param started: ticks since boot; together with the pid it is unique
    :param cpu_seconds: CPU time so far, without children
    :param children_seconds: CPU time of the children that ended and were waited for
    :param parent: pid of the process that started it
    """

    pid: int
    name: str
    session: int
    terminal: int
    started: int
    cpu_seconds: float
    children_seconds: float
    parent: int = 0


def list_processes(proc: Path = PROC) -> list[Process]:
    """Return all processes that have not ended."""
    processes = (_read_process(int(folder.name), proc) for folder in proc.iterdir() if folder.name.isdecimal())
    return [process for process in processes if process]


def find_gpudesk_pids(processes: Iterable[Process]) -> frozenset[int]:
    """Return the pids of the probe and the SSM agent."""
    agents = {name[:MAX_NAME_LENGTH] for name in AGENTS}
    return frozenset({os.getpid()} | {process.pid for process in processes if process.name in agents})


def read_arguments(pid: int, proc: Path = PROC) -> list[str]:
    """Return the command line of a process; an empty list if it has ended or is a kernel thread."""
    try:
        with (proc / str(pid) / "cmdline").open("rb") as file:
            raw = file.read(MAX_ARGUMENT_BYTES)
    except OSError:
        return []
    return [argument.decode("utf-8", "replace") for argument in raw.rstrip(b"\0").split(b"\0")] if raw else []


def read_name(pid: int, proc: Path = PROC) -> str:
    """Return the name of a process; "a process" if it has ended."""
    process = _read_process(pid, proc)
    return process.name if process else "a process"


def _read_process(pid: int, proc: Path) -> Process | None:
    try:
        raw = (proc / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name is between the first and the last parenthesis, and may contain any character, parentheses too.
    before, _, rest = raw.partition(b"(")
    name, _, after = rest.rpartition(b")")
    fields = after.split()
    if fields[0] in _ENDED:
        return None
    user, system, children_user, children_system = (int(field) / _TICKS for field in fields[11:15])
    return Process(
        pid=int(before),
        name=name.decode("utf-8", "replace"),
        session=int(fields[3]),
        terminal=int(fields[4]),
        started=int(fields[19]),
        cpu_seconds=user + system,
        children_seconds=children_user + children_system,
        parent=int(fields[1]),
    )
