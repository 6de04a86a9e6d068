"""A script's output, read on this computer while the script runs in a machine."""

import os
import selectors
import threading
import time
from concurrent.futures import Future
from typing import Any, Literal

from local.machines.agent.shell import Cancellation

KEPT = 100_000
"""What is kept of each stream, in bytes: more than the agent ever reports."""

CHUNK = 65_536


class Output:
    """Two pipes, and what came out of them. A context manager."""

    def __init__(self) -> None:
        self._ends = [os.pipe() for _ in range(2)]
        self._wake, self._wake_writer = os.pipe()
        self._lock = threading.Lock()
        self._is_closed = False
        self._kept = {read: bytearray() for read, _ in self._ends}
        self._open = set(self._kept)
        self._selector = selectors.DefaultSelector()
        for end in (*self._kept, self._wake):
            self._selector.register(end, selectors.EVENT_READ)
        self._to_close = [*self.write_ends, *self._kept, self._wake, self._wake_writer]

    @property
    def write_ends(self) -> list[int]:
        """Standard output and standard error for the script."""
        return [write for _, write in self._ends]

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        with self._lock:
            self._is_closed = True
            for end in self._to_close:
                os.close(end)

    def close_write_ends(self) -> None:
        """Once the machine has them, so that their end can be seen here."""
        for end in self.write_ends:
            os.close(end)
            self._to_close.remove(end)

    def collect(
        self, ended: "Future[Any]", deadline: float, cancellation: Cancellation
    ) -> Literal["exited", "timed out", "cancelled"]:
        """Read until both pipes and the program have ended, the deadline (monotonic) has passed or the cancel came."""
        ended.add_done_callback(lambda _: self._stir())
        with cancellation.on_cancel(self._stir):
            while self._open or not ended.done():
                remaining = deadline - time.monotonic()
                if cancellation.is_set():
                    return "cancelled"
                if remaining <= 0:
                    return "timed out"
                for key, _ in self._selector.select(remaining):
                    self._read(key.fd)
        return "exited"

    def texts(self) -> tuple[str, str]:
        """Standard output and standard error so far."""
        out, errors = (kept.decode(errors="replace") for kept in self._kept.values())
        return out, errors

    def _stir(self) -> None:
        with self._lock:
            if not self._is_closed:
                os.write(self._wake_writer, b"!")

    def _read(self, end: int) -> None:
        chunk = os.read(end, CHUNK)
        if end == self._wake:
            return
        if not chunk:
            self._selector.unregister(end)
            self._open.discard(end)
        kept = self._kept[end]
        kept += chunk[: KEPT - len(kept)]
