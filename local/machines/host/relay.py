"""Relay of connections between sockets, with two threads per connection."""

import contextlib
import socket
import threading
from collections.abc import Callable

CHUNK_BYTES = 65_536
Connect = Callable[[], socket.socket]
"""Function that opens the second connection of a pair. It raises OSError if no program answers."""


class Relay:
    """Relay that accepts connections on a listening socket and forwards each to a connection that `connect` opens.

    :ivar local_port: port of the listening socket
    """

    def __init__(self, listener: socket.socket, connect: Connect) -> None:
        """Start to accept connections."""
        self._listener = listener
        self._connect = connect
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._is_closed = False
        self.local_port: int = listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"relay-{self.local_port}", daemon=True).start()

    def close(self) -> None:
        """Close the listener and every connection. May be called repeatedly."""
        with self._lock:
            self._is_closed = True
            sockets = [self._listener, *self._connections]
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = self._connect()
            except (OSError, RuntimeError):
                return
            with server:
                if self._register(client, server):
                    relay_both_ways(client, server)
                self._unregister(client, server)

    def _register(self, *sockets: socket.socket) -> bool:
        with self._lock:
            self._connections.update(sockets)
            return not self._is_closed

    def _unregister(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._connections.difference_update(sockets)


def relay_both_ways(first: socket.socket, second: socket.socket) -> None:
    """Copy bytes in both directions until both sides have ended."""
    thread = threading.Thread(target=_copy, args=(second, first), daemon=True)
    thread.start()
    _copy(first, second)
    thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
