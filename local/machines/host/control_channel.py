"""The host's end of a machine's control socket: sends requests, receives responses and events."""

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from local.machines.errors import MachineHalted
from local.machines.inside import wire

Event = Callable[[wire.Message, list[int]], None]


class ControlChannel:
    """Numbers requests, and completes a request's future with the response of that number.

    Everything else is an event and goes to `on_event` on the reading thread. When the machine is gone, each pending
    future fails with MachineHalted and `is_gone` is set.
    """

    def __init__(self, channel: socket.socket, on_event: Event) -> None:
        """Start to read."""
        self._channel = channel
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Any]] = {}
        self.is_gone = threading.Event()
        self._reader = threading.Thread(target=self._read, name="machine-control", daemon=True)
        self._reader.start()

    def request(self, message: wire.Message, files: list[int] | None = None) -> tuple[int, Future[Any]]:
        """Send a request that gets a response.

        :returns: number of the request, and a future of the response and its files
        :raises MachineHalted: the machine is gone
        """
        number, future = next(self._numbers), Future[Any]()
        with self._lock:
            if self.is_gone.is_set():
                raise MachineHalted("The machine is not running.")
            self._pending[number] = future
            self._send({**message, "id": number}, files)
        return number, future

    def send(self, message: wire.Message) -> None:
        """Send a request without a response; do nothing if the machine is gone."""
        with self._lock:
            if not self.is_gone.is_set():
                self._send(message, None)

    def close(self) -> None:
        """Close the socket. Call it only when the machine is gone."""
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
                future = self._pending.pop(message.get("id", 0), None)
            if future:
                future.set_result((message, files))
            else:
                self._on_event(message, files)
        with self._lock:
            self.is_gone.set()
            waiting, self._pending = self._pending, {}
        for future in waiting.values():
            future.set_exception(MachineHalted("The machine halted."))
