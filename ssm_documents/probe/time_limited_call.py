"""A call that may hang, kept from holding anybody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TimeLimitedCall(Generic[T]):
    """A call in a thread of its own, waited for so long and no longer; not made again while the last one hangs.

    :param limit_seconds: since the call began, so those that are begun together cost one limit
    """

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._due = 0.0
        self._thread: threading.Thread | None = None
        self._results: list[T] = []

    def start(self, call: Callable[[], T]) -> bool:
        """Whether the call was begun. It must not raise."""
        self._due = time.monotonic() + self._limit
        if self._thread is not None and self._thread.is_alive():
            return False
        results = self._results = []
        self._thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
        self._thread.start()
        return True

    def wait(self) -> T | None:
        """What came of it; None: nothing within the limit."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._due - time.monotonic()))
        return self._results[0] if self._results else None
