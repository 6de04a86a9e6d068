"""The program of `make run` in a separate process, and a check for processes that it leaves."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TIMEOUT_SECONDS = 120.0
SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans of the processes started here become children of this process, so that it can find them."""

ONE_REGION = "us-west-2"
"""REGIONS of runs that need no second region: each region costs CPU time in every sweep."""

WITHOUT_NAMESPACES = ("unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "-")
"""Runs the program as a user who cannot create namespaces, so that no sandbox is possible."""


class Run:
    """One run of `python -m local.run` in the folder `cwd`.

    :param prefix: words of a command that starts the program
    :param module: another program with the same variables
    :param variables: environment variables
    :ivar lines: lines of output read so far
    """

    def __init__(self, cwd: Path, *prefix: str, module: str = "local.run", **variables: str) -> None:
        self.cwd = cwd
        self.lines: list[str] = []
        environment = {"PORT": "0", "CLOUD_PORT": "0", "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", module],
            cwd=cwd,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def output(self) -> str:
        """Return the output read so far."""
        return "\n".join(self.lines)

    def read_until(self, text: str) -> str:
        """Read until a line contains the text, and return the line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"The run ended without printing {text!r}:\n{self.output}")

    def wait(self, with_signal: signal.Signals | None = None) -> int:
        """Send the signal, if any, wait for the end, and return the exit status."""
        if with_signal is not None:
            self._process.send_signal(with_signal)
        remaining, _ = self._process.communicate(timeout=TIMEOUT_SECONDS)
        self.lines += remaining.splitlines()
        return self._process.returncode

    def kill(self) -> None:
        """Kill the run if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def assert_no_process_left() -> Iterator[None]:
    """Fail if a process started inside the block is alive at its end, even if its parent is gone."""
    before = _find_children()
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1)
    try:
        yield
        remaining = {pid for pid in _find_children() - before if not _has_ended(pid)}
        assert not remaining, [_read_command_line(pid) for pid in remaining]
    finally:
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 0)


def _find_children() -> set[int]:
    return {int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def _has_ended(pid: int) -> bool:
    """Return whether an orphan has ended, and remove it from the process table: nobody else waits for it."""
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def _read_command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
