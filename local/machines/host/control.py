"""The host's end of a machine's control socket: orders out, answers and events in."""

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from local.machines.errors import MachineHalted
from local.machines.inside import wire

Event = Callable[[wire.Message, list[int]], None]


class Control:
    """Orders are numbered; an answer with that number fulfils the order's future.

    Everything else is an event, handed to `on_event` on the reading thread. When the machine is gone every open
    future gets MachineHalted and `gone` is set.
    """

    def __init__(self, channel: socket.socket, on_event: Event) -> None:
        self._channel = channel
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[int, Future[Any]] = {}
        self.gone = threading.Event()
        self._reader = threading.Thread(target=self._read, name="machine-control", daemon=True)
        self._reader.start()

    def order(self, message: wire.Message, files: list[int] | None = None) -> tuple[int, Future[Any]]:
        """Send an order that will be answered. The future holds the answer and its files."""
        number, future = next(self._numbers), Future[Any]()
        with self._lock:
            if self.gone.is_set():
                raise MachineHalted("the machine does not run")
            self._open[number] = future
            self._send({**message, "id": number}, files)
        return number, future

    def tell(self, message: wire.Message) -> None:
        """Send an order that has no answer; nothing happens where the machine is gone."""
        with self._lock:
            if not self.gone.is_set():
                self._send(message, None)

    def close(self) -> None:
        """Only once the machine is gone."""
        self._reader.join()
        self._channel.close()

    def _send(self, message: wire.Message, files: list[int] | None) -> None:
        try:
            wire.send(self._channel, message, files)
        except (BrokenPipeError, ConnectionError):
            return

    def _read(self) -> None:
        while received := wire.receive(self._channel):
            message, files = received
            with self._lock:
                future = self._open.pop(message.get("id", 0), None)
            if future:
                future.set_result((message, files))
            else:
                self._on_event(message, files)
        with self._lock:
            self.gone.set()
            waiting, self._open = self._open, {}
        for future in waiting.values():
            future.set_exception(MachineHalted("the machine went down"))
