"""Streams over a data channel that can be lost and opened again, for both of its ends.

Session Manager numbers its messages, acknowledges them, and sends them again after a lost connection. So connections
through a session survive when the plugin resumes it. These frames do the same in a simpler form: they are not those of
Session Manager.
"""

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable

HEADER = struct.Struct("!IIII")
"""Number of the frame (0: it only acknowledges), number of the last frame that was received, stream, length."""

CHUNK_BYTES = 32_768
ACKNOWLEDGE_EVERY = 32
SERVICE_STREAM = 0
"""Stream on which the service says that it has ended the session."""

Connect = Callable[[], socket.socket]


class Streams:
    """All streams of a session at one end. Each is joined with a socket. An empty payload ends a direction.

    :param connect: opens the socket of a stream that the other end begins; None: the other end begins none
    :ivar received: number of the last frame that this end has received
    :ivar finished: streams that this end has ended
    :param on_end: called with the number of a stream that the other end has ended, and its last payload on the
        service's stream
    """

    def __init__(self, connect: Connect | None, on_end: Callable[[int, bytes], None]) -> None:
        """Start without a channel."""
        self._connect = connect
        self._on_end = on_end
        self._lock = threading.RLock()
        self._channel: socket.socket | None = None
        self._sent = 0
        self._unacknowledged: deque[tuple[int, int, bytes]] = deque()
        self._sockets: dict[int, socket.socket] = {}
        self._half_ended: set[int] = set()
        self.received = 0
        self.finished: set[int] = set()

    def add(self, stream: int, end: socket.socket) -> None:
        """Join a stream with a socket."""
        with self._lock:
            self._sockets[stream] = end
        threading.Thread(target=self._pump, args=(stream, end), daemon=True).start()

    def send(self, stream: int, payload: bytes) -> None:
        """Send a payload now, or when the channel is open again."""
        with self._lock:
            self._sent += 1
            self._unacknowledged.append((self._sent, stream, payload))
            self._transmit(self._sent, stream, payload)

    def finish(self, stream: int) -> None:
        """Say that this end sends no more on a stream."""
        self.finished.add(stream)
        self.send(stream, b"")

    def serve(self, channel: socket.socket, peer_received: int) -> None:
        """Use a channel until it is lost.

        :param peer_received: number of the last frame that the other end has received
        """
        with self._lock:
            self._channel = channel
            self._forget(peer_received)
            for number, stream, payload in list(self._unacknowledged):
                self._transmit(number, stream, payload)
        with contextlib.suppress(OSError), channel.makefile("rb") as frames:
            while len(header := frames.read(HEADER.size)) == HEADER.size:
                number, acknowledged, stream, length = HEADER.unpack(header)
                payload = frames.read(length)
                if len(payload) < length:
                    break
                with self._lock:
                    self._forget(acknowledged)
                self._receive(number, stream, payload)
        with self._lock:
            if self._channel is channel:
                self._channel = None

    def close(self) -> None:
        """Close the channel and every socket."""
        with self._lock:
            ends = list(self._sockets.values())
            self._sockets.clear()
        self.drop_channel()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def drop_channel(self) -> None:
        """Close the channel only. The sockets wait until it is open again."""
        with self._lock:
            if self._channel is not None:
                with contextlib.suppress(OSError):
                    self._channel.shutdown(socket.SHUT_RDWR)
                self._channel = None

    def _receive(self, number: int, stream: int, payload: bytes) -> None:
        if number == 0 or number <= self.received:
            return
        self.received = number
        if number % ACKNOWLEDGE_EVERY == 0:
            with self._lock:
                self._transmit(0, SERVICE_STREAM, b"")
        if stream == SERVICE_STREAM:
            self._on_end(stream, payload)
            return
        end = self._sockets.get(stream)
        if end is None and payload and self._connect is not None:
            end = self._open(stream)
        if end is not None:
            with contextlib.suppress(OSError):
                end.sendall(payload) if payload else end.shutdown(socket.SHUT_WR)
        if not payload:
            self._on_end(stream, payload)
            self._end_direction(stream)

    def _open(self, stream: int) -> socket.socket | None:
        assert self._connect is not None
        try:
            end = self._connect()
        except (OSError, RuntimeError):
            self.finish(stream)
            return None
        self.add(stream, end)
        return end

    def _pump(self, stream: int, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := end.recv(CHUNK_BYTES):
                self.send(stream, chunk)
        self.finish(stream)
        self._end_direction(stream)

    def _end_direction(self, stream: int) -> None:
        """Close the socket of a stream when both directions have ended."""
        with self._lock:
            if stream not in self._half_ended:
                self._half_ended.add(stream)
                return
            self._half_ended.discard(stream)
            end = self._sockets.pop(stream, None)
        if end is not None:
            end.close()

    def _transmit(self, number: int, stream: int, payload: bytes) -> None:
        if self._channel is None:
            return
        try:
            self._channel.sendall(HEADER.pack(number, self.received, stream, len(payload)) + payload)
        except OSError:
            self._channel = None

    def _forget(self, acknowledged: int) -> None:
        while self._unacknowledged and self._unacknowledged[0][0] <= acknowledged:
            self._unacknowledged.popleft()
