"""Ports of PORT and CLOUD_PORT, and free ports, on the loopback address of this computer."""

import errno
import socket
from dataclasses import replace

from local.options import Options

HOST = "127.0.0.1"


class PortUnavailable(Exception):
    """PORT or CLOUD_PORT cannot be used. The message says how to choose another port."""


def resolve_ports(options: Options) -> Options:
    """Return the options with a free port in place of each 0.

    :raises PortUnavailable: a requested port cannot be used
    """
    cloud_port = _resolve_port("CLOUD_PORT", options.cloud_port)
    return replace(options, port=_resolve_port("PORT", options.port), cloud_port=cloud_port)


def is_free(port: int) -> bool:
    """Return whether a program can listen on the port now."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def find_free_port() -> int:
    """Return a port on which no program listens."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def _resolve_port(variable: str, port: int) -> int:
    try:
        with socket.create_server((HOST, port)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        problem = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise PortUnavailable(
            f"{variable}: port {port} of {HOST} {problem}. Choose another port, for example "
            f"`make run {variable}={port + 1}`, or any free port with `make run {variable}=0`."
        ) from error
