"""Calls that may hang, each in a separate thread, so that the caller waits only for a limited time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TimeLimitedCall(Generic[T]):
    """A repeatable call with a time limit. While a call hangs, no other call is started.

    :param limit_seconds: counted from the start of the call, so calls that start together cost one limit
    """

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._deadline = 0.0
        self._thread: threading.Thread | None = None
        self._results: list[T] = []

    def start(self, call: Callable[[], T]) -> bool:
        """Start a call, unless the last one still runs.

        :param call: must not raise
        :returns: whether it was started
        """
        self._deadline = time.monotonic() + self._limit_seconds
        if self._thread is not None and self._thread.is_alive():
            return False
        results = self._results = []
        self._thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
        self._thread.start()
        return True

    def wait(self) -> T | None:
        """Return the result of the call; None: there was none within the limit."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        return self._results[0] if self._results else None
