"""Processes as the kernel lists them: one short read of /proc for each.

psutil would remember which terminals there are from its first look on, and a machine's terminals come and go.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

MAX_NAME_LENGTH = 15
"""The kernel keeps so many bytes of a program's name."""

AGENTS = ("amazon-ssm-agent", "ssm-agent-worker", "ssm-session-worker", "ssm-document-worker")
"""The agent's programs. What people start in a session is a child of one of them, and is not the agent's."""

MAX_ARGUMENT_BYTES = 65_536

_ENDED = (b"Z", b"X")
"""States of a process that its parent has not yet waited for."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat.

    :param session: pid of the session's leader
    :param terminal: device number of the controlling terminal; 0: none
    :param started: ticks since boot; with the pid it names a process for good
    :param cpu_seconds: used so far, without its children
    :param children_seconds: used by children that ended and were waited for
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
    """Every process that has not ended."""
    found = (_process(int(each.name), proc) for each in proc.iterdir() if each.name.isdecimal())
    return [process for process in found if process]


def find_gpudesk_pids(processes: Iterable[Process]) -> frozenset[int]:
    """The probe's and the agent's."""
    agents = {name[:MAX_NAME_LENGTH] for name in AGENTS}
    return frozenset({os.getpid()} | {process.pid for process in processes if process.name in agents})


def read_arguments(pid: int, proc: Path = PROC) -> list[str]:
    """Its command line; nothing where it has ended or is the kernel's."""
    try:
        with (proc / str(pid) / "cmdline").open("rb") as file:
            raw = file.read(MAX_ARGUMENT_BYTES)
    except OSError:
        return []
    return [each.decode("utf-8", "replace") for each in raw.rstrip(b"\0").split(b"\0")] if raw else []


def read_name(pid: int, proc: Path = PROC) -> str:
    """Its program's name; "a process" where it has ended."""
    process = _process(pid, proc)
    return process.name if process else "a process"


def _process(pid: int, proc: Path) -> Process | None:
    try:
        raw = (proc / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name is between the first bracket and the last, and may hold anything, brackets too.
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
