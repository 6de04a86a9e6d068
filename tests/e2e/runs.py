"""`make run`'s own program in a process of its own, its lines as they come, and what it leaves behind."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans of what this process starts become its children, so that none can be left unseen."""

WITHOUT_NAMESPACES = ("unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "-")
"""A user who may make no more namespaces: no sandbox is to be had."""


class Run:
    """One run of `python -m local.run`; its folder is `cwd`."""

    def __init__(self, cwd: Path, *before: str, **variables: str) -> None:
        self.cwd = cwd
        self.lines: list[str] = []
        environment = {"PORT": "0", "CLOUD_PORT": "0", "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(
            [*before, sys.executable, "-m", "local.run"],
            cwd=cwd,
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def until(self, text: str) -> str:
        """Read on to the first line with this text in it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"it ended without saying {text!r}:\n{self.output}")

    def end(self, with_signal: signal.Signals | None = None) -> int:
        """Its exit status, once it has ended; asked to by a signal where one is given."""
        if with_signal is not None:
            self._process.send_signal(with_signal)
        rest, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        self.lines += rest.splitlines()
        return self._process.returncode

    def kill(self) -> None:
        """For a test that failed half-way."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fails where a process that was started inside outlives it, its parent gone or not."""
    before = _children()
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1)
    try:
        yield
        left = _children() - before
        assert not left, [_command_line(pid) for pid in left]
    finally:
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 0)


def _children() -> set[int]:
    return {int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
