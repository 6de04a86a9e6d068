"""Event loop of the machine's first process: files, timers and child processes, each with a callback."""

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
    """Callback that is called at a later time unless it is cancelled."""

    def __init__(self, callback: Callback) -> None:
        """Create a timer that is not cancelled."""
        self._callback = callback
        self._is_cancelled = False

    def cancel(self) -> None:
        """Prevent the callback."""
        self._is_cancelled = True

    def fire(self) -> None:
        """Call the callback unless the timer is cancelled."""
        if not self._is_cancelled:
            self._callback()


class EventLoop:
    """Event loop in one thread. A callback must not block."""

    def __init__(self) -> None:
        """Create an empty loop."""
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._sequence = itertools.count()
        self._children: dict[int, Callback] = {}
        self._wake, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)

    def reap(self) -> None:
        """Reap every child process that ends from now on."""
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self._wake.fileno(), self._on_wake)

    def close(self) -> None:
        """Close the loop's own files."""
        self._selector.close()
        self._wake.close()
        self._wake_writer.close()

    def watch(self, file: int, callback: Callback) -> None:
        """Call `callback` whenever `file` is readable, until `unwatch`."""
        self._selector.register(file, selectors.EVENT_READ, callback)

    def unwatch(self, file: int) -> None:
        """Stop watching a file."""
        self._selector.unregister(file)

    def call_after(self, seconds: float, callback: Callback) -> Timer:
        """Call `callback` once after this time."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._sequence), timer))
        return timer

    def on_exit(self, pid: int, callback: Callback) -> None:
        """Call `callback` once when this child process has ended and was reaped."""
        self._children[pid] = callback

    def run(self, *, is_over: Callable[[], bool]) -> None:
        """Run until `is_over`, which is called after each turn, returns true."""
        while not is_over():
            for key, _ in self._selector.select(self._compute_wait()):
                # An earlier callback may have unwatched the file, and its number may belong to another file now.
                if self._selector.get_map().get(key.fd) == key:
                    key.data()
            self._fire_timers()

    def _compute_wait(self) -> float | None:
        return max(0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2].fire()

    def _on_wake(self) -> None:
        self._wake.recv(4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if callback := self._children.pop(pid, None):
                    callback()
