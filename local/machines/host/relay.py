"""Bytes carried between two sockets, and listeners that hand their connections on. Plain threads: a desk has few."""

import contextlib
import socket
import threading
from collections.abc import Callable

CHUNK = 65_536
Connect = Callable[[], socket.socket]
"""Opens the other half of a connection. :raises OSError: nothing answers there"""


class Relay:
    """Takes connections on a listening socket and carries each to what `connect` opens.

    Closing it closes the listener and every connection.
    """

    def __init__(self, listener: socket.socket, connect: Connect) -> None:
        self._listener = listener
        self._connect = connect
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        self.local_port: int = listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"relay-{self.local_port}", daemon=True).start()

    def close(self) -> None:
        """May be repeated."""
        with self._lock:
            self._closed = True
            sockets = [self._listener, *self._open]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
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
                if self._keep(client, server):
                    splice(client, server)
                self._forget(client, server)

    def _keep(self, *sockets: socket.socket) -> bool:
        with self._lock:
            self._open.update(sockets)
            return not self._closed

    def _forget(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(sockets)


def splice(left: socket.socket, right: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended."""
    back = threading.Thread(target=_pour, args=(right, left), daemon=True)
    back.start()
    _pour(left, right)
    back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
