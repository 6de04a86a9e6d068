"""Whether a document of the desk's is at work: while one is, nothing is idle, and the machine does not stop itself."""

from __future__ import annotations

import fcntl
from pathlib import Path


class SetupWatch:
    """Looks at the lock that every step takes, and at the marks that every step leaves (`lib/prelude.sh`).

    The marks are watched for change: a step that began and ended between two looks is seen, too, and no clock is asked.
    """

    def __init__(self, lock: Path, attempts: Path) -> None:
        self._lock = lock
        self._attempts = attempts
        self._marks = self._all_marks()

    def look(self) -> bool:
        """Whether a step runs, or has run since the last look."""
        before, self._marks = self._marks, self._all_marks()
        return self._is_locked() or before != self._marks

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
