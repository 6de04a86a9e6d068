"""Detection of running documents. While one runs, the instance is not idle and does not stop itself."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.domain.idle.heartbeat import StepProgress


def read_uptime() -> float:
    """Return the seconds since boot, with those of suspension, as in /proc/uptime, which the steps read."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SetupWatch:
    """Watches the lock that every step holds and the marks that every step leaves (`lib/prelude/marks.sh`).

    The marks are compared with those of the last check. So a step that ran between two checks is detected, and no clock
    is needed.

    :param read_progress: the file with the progress of the running step
    """

    def __init__(
        self, lock: Path, attempts: Path, progress: Path, since_boot: Callable[[], float] = read_uptime
    ) -> None:
        self._lock = lock
        self._attempts = attempts
        self._progress = progress
        self._since_boot = since_boot
        self._marks = self._list_marks()

    def is_setup_running(self) -> bool:
        """Return whether a step runs, or has run since the last call."""
        last_marks, self._marks = self._marks, self._list_marks()
        return self._is_locked() or last_marks != self._marks

    def read_progress(self) -> StepProgress | None:
        """Return the progress of the running step; None: no step runs, or it has not reported any.

        A step that was killed leaves its last progress in the file, so the lock decides.
        """
        if not self._is_locked():
            return None
        try:
            fields = json.loads(self._progress.read_text(encoding="utf-8", errors="replace"))
            seconds = max(0.0, self._since_boot() - fields["started"])
            return StepProgress(
                document=str(fields["document"]),
                step=str(fields["step"]),
                position=str(fields["position"]),
                running_for=timedelta(seconds=seconds),
                last_output_line=clean_line(str(fields["line"])),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def _list_marks(self) -> frozenset[str]:
        try:
            return frozenset(mark.name for mark in self._attempts.iterdir())
        except OSError:
            return frozenset()

    def _is_locked(self) -> bool:
        """Try to take a shared lock for an instant. A step that starts in that instant waits for it."""
        try:
            with self._lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
