"""Processes of the machine. Each has a supervisor, so that all processes that it leaves can be found and killed."""

import contextlib
import os
import pwd
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from . import system

EXEC_FAILED = 127


class Program(NamedTuple):
    """A program to run.

    :param argv: program and arguments; the program is searched in the PATH of `environment`
    :param files: open files for standard output and standard error
    :param user: user that runs the program; None is root
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    files: tuple[int, int]
    user: str | None = None


class SupervisedProcess(NamedTuple):
    """A running program.

    :param supervisor: id of the process that adopts all processes that the program leaves, and ends after the last one
    :param program: process id of the program itself
    :param report: pipe from which the wait status of the program can be read as text when it has ended
    """

    supervisor: int
    program: int
    report: int


def start(program: Program, *, clean_up: bool) -> SupervisedProcess:
    """Run a program.

    :param clean_up: whether the processes that it leaves are killed, as by systemd, or stay, as with the SSM agent
    """
    report, write_report = os.pipe()
    started, write_started = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(report)
        os.close(started)
        _run_supervisor(program, write_report, write_started, clean_up=clean_up)
    os.close(write_report)
    os.close(write_started)
    with os.fdopen(started) as pipe:
        return SupervisedProcess(supervisor, int(pipe.read() or supervisor), report)


def kill(process: SupervisedProcess) -> None:
    """Kill the program and all its descendants."""
    while victims := list_descendants(process.supervisor):
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        os.sched_yield()


def kill_group(process: SupervisedProcess) -> None:
    """Kill the program's process group, as the SSM agent does. What has a session of its own, such as dpkg, lives on.

    https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/executers/executers_unix.go (killProcess)
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.program, signal.SIGKILL)


def list_descendants(ancestor: int) -> list[int]:
    """Return the ids of all descendants of a process that are not zombies."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    parents[int(entry.name)] = int(parent)
    return [pid for pid in parents if _is_below(pid, ancestor, parents)]


def _is_below(pid: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while pid := parents.get(pid, 0):
        if pid == ancestor:
            return True
    return False


def _run_supervisor(program: Program, report: int, started: int, *, clean_up: bool) -> None:
    """Run the supervisor. This never returns, because this process is a copy of the first process."""
    try:
        _supervise(program, report, started, clean_up=clean_up)
    finally:
        os._exit(0)


def _supervise(program: Program, report: int, started: int, *, clean_up: bool) -> None:
    system.reset_signals()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    system.adopt_orphans()
    child = os.fork()
    if child == 0:
        system.reset_signals()
        _exec(program)
    os.write(started, str(child).encode())
    os.close(started)
    for file in set(program.files):
        os.close(file)
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == child:
                os.write(report, str(status).encode())
                os.close(report)
                if clean_up:
                    kill(SupervisedProcess(os.getpid(), child, report))


def _exec(program: Program) -> None:
    """Replace this process by the program. This never returns."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(program.files[0], 1)
        os.dup2(program.files[1], 2)
        os.closerange(3, 256)
        if program.user not in (None, "root"):
            system.become_user(pwd.getpwnam(str(program.user)))
        os.chdir(program.folder)
        os.execvpe(program.argv[0], list(program.argv), program.environment)
    except BaseException as error:  # noqa: BLE001 - this process is a copy of the first process and must end here
        with contextlib.suppress(OSError):
            os.write(2, f"{program.argv[0]}: {error}\n".encode())
    finally:
        os._exit(EXEC_FAILED)
