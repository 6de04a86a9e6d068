"""Output of a script, read on the host while the script runs on a machine."""

import os
import selectors
import threading
import time
from concurrent.futures import Future
from typing import Any, Literal

from local.machines.agent.shell import Cancellation

MAX_BYTES = 100_000
"""Bytes that are stored of each stream. The agent never reports as many."""

CHUNK_BYTES = 65_536


class Output:
    """Two pipes for a script, and the text that was read from them. A context manager closes them."""

    def __init__(self) -> None:
        """Open the pipes."""
        self._ends = [os.pipe() for _ in range(2)]
        self._wake, self._wake_writer = os.pipe()
        self._lock = threading.Lock()
        self._is_closed = False
        self._collected = {read: bytearray() for read, _ in self._ends}
        self._open_ends = set(self._collected)
        self._selector = selectors.DefaultSelector()
        for end in (*self._collected, self._wake):
            self._selector.register(end, selectors.EVENT_READ)
        self._to_close = [*self.write_ends, *self._collected, self._wake, self._wake_writer]

    @property
    def write_ends(self) -> list[int]:
        """Return the ends for the script: standard output and standard error."""
        return [write for _, write in self._ends]

    def __enter__(self) -> "Output":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all pipes."""
        self._selector.close()
        with self._lock:
            self._is_closed = True
            for end in self._to_close:
                os.close(end)

    def close_write_ends(self) -> None:
        """Close the host's copies of the write ends, after the machine has received them.

        Otherwise the read ends would stay open after the script has ended.
        """
        for end in self.write_ends:
            os.close(end)
            self._to_close.remove(end)

    def collect(
        self, process: "Future[Any]", deadline: float, cancellation: Cancellation
    ) -> Literal["exited", "timed out", "cancelled"]:
        """Read until both pipes and the script have ended, the deadline has passed, or a cancellation arrives.

        :param process: future that is done when the script has ended
        :param deadline: time on the monotonic clock
        :returns: reason why the reading ended
        """
        process.add_done_callback(lambda _: self._wake_up())
        with cancellation.on_cancel(self._wake_up):
            while self._open_ends or not process.done():
                remaining = deadline - time.monotonic()
                if cancellation.is_set():
                    return "cancelled"
                if remaining <= 0:
                    return "timed out"
                for key, _ in self._selector.select(remaining):
                    self._read(key.fd)
        return "exited"

    def get_texts(self) -> tuple[str, str]:
        """Return standard output and standard error so far."""
        out, errors = (collected.decode(errors="replace") for collected in self._collected.values())
        return out, errors

    def _wake_up(self) -> None:
        with self._lock:
            if not self._is_closed:
                os.write(self._wake_writer, b"!")

    def _read(self, end: int) -> None:
        chunk = os.read(end, CHUNK_BYTES)
        if end == self._wake:
            return
        if not chunk:
            self._selector.unregister(end)
            self._open_ends.discard(end)
        collected = self._collected[end]
        collected += chunk[: MAX_BYTES - len(collected)]
