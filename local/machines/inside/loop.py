"""The one loop in which the machine's first process lives: files, timers and children, each with its callback."""

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """A callback to come. :ivar cancelled: set it, and the callback never comes"""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.cancelled = False


class EventLoop:
    """Single-threaded: a callback must not wait."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._children: dict[int, Callback] = {}
        self._wake, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)

    def reap(self) -> None:
        """From here on, take in every child of this process that ends."""
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self._wake.fileno(), self._on_wake)

    def close(self) -> None:
        """Let go of what it holds."""
        self._selector.close()
        self._wake.close()
        self._wake_writer.close()

    def watch(self, file: int, callback: Callback) -> None:
        """Call when `file` can be read, until it is forgotten."""
        self._selector.register(file, selectors.EVENT_READ, callback)

    def forget(self, file: int) -> None:
        """Watch `file` no longer."""
        self._selector.unregister(file)

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Call once, that much later."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def on_exit(self, pid: int, callback: Callback) -> None:
        """Call when this child has ended and been reaped."""
        self._children[pid] = callback

    def run(self, *, is_over: Callable[[], bool]) -> None:
        """Until `is_over`, asked after every turn."""
        while not is_over():
            for key, _ in self._selector.select(self._until_next_timer()):
                # A callback before this one may have forgotten the file, and its number may be another file's by now.
                if self._selector.get_map().get(key.fd) == key:
                    key.data()
            self._fire_timers()

    def _until_next_timer(self) -> float | None:
        return max(0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                timer.callback()

    def _on_wake(self) -> None:
        self._wake.recv(4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if callback := self._children.pop(pid, None):
                    callback()
