"""Whether a document of the desk's is at work: while one is, nothing is idle, and the machine does not stop itself."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.idle.heartbeat import StepProgress


def read_uptime() -> float:
    """Seconds, those in which the machine slept counted, too; as in /proc/uptime, where steps read it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SetupWatch:
    """Looks at the lock that every step takes, and at the marks that every step leaves (`lib/prelude.sh`).

    The marks are watched for change: a step that began and ended between two looks is seen, too, and no clock is asked.

    :param progress: where the step that runs says how far it is
    """

    def __init__(
        self, lock: Path, attempts: Path, progress: Path, since_boot: Callable[[], float] = read_uptime
    ) -> None:
        self._lock = lock
        self._attempts = attempts
        self._progress = progress
        self._since_boot = since_boot
        self._marks = self._all_marks()

    def is_setup_running(self) -> bool:
        """Whether a step runs, or has run since the last look."""
        before, self._marks = self._marks, self._all_marks()
        return self._is_locked() or before != self._marks

    def progress(self) -> StepProgress | None:
        """How far it is; None where no step runs now, or none that says so. What was killed left its last words."""
        if not self._is_locked():
            return None
        try:
            said = json.loads(self._progress.read_text(encoding="utf-8", errors="replace"))
            seconds = max(0.0, self._since_boot() - said["started"])
            return StepProgress(
                document=str(said["document"]),
                step=str(said["step"]),
                position=str(said["position"]),
                running_for=timedelta(seconds=seconds),
                last_output_line=str(said["line"]),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def _all_marks(self) -> frozenset[str]:
        try:
            return frozenset(each.name for each in self._attempts.iterdir())
        except OSError:
            return frozenset()

    def _is_locked(self) -> bool:
        """A shared lock, for an instant: a step that begins meanwhile waits for as long."""
        try:
            with self._lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
