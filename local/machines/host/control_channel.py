"""Host side of a machine's control socket: requests to the machine, and its responses and events."""

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from local.machines.errors import MachineHalted
from local.machines.inside import wire

OnEvent = Callable[[wire.Message, list[int]], None]


class ControlChannel:
    """Channel that numbers requests, and sets the future of a request to the response with the same number.

    :param on_event: called on the reading thread with every message that is not a response, and its files
    :ivar is_gone: set when the machine is gone; each pending future then fails with MachineHalted
    """

    def __init__(self, channel: socket.socket, on_event: OnEvent) -> None:
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
        """Send a request that has a response.

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
        """Wait until the machine is gone, and close the socket."""
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
