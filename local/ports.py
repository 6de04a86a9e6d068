"""Ports of this computer's loopback."""

import errno
import socket
from dataclasses import replace

from local.options import Options

HOST = "127.0.0.1"


class PortTaken(Exception):
    """PORT or CLOUD_PORT is; the message says how to choose another one."""


def settle_ports(options: Options) -> Options:
    """The options with real ports in place of 0.

    :raises PortTaken: one that was asked for cannot be listened on
    """
    cloud_port = _settled("CLOUD_PORT", options.cloud_port)
    return replace(options, port=_settled("PORT", options.port), cloud_port=cloud_port)


def is_free(port: int) -> bool:
    """Whether somebody could listen on it now."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def _settled(variable: str, port: int) -> int:
    try:
        with socket.create_server((HOST, port)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise PortTaken(
            f"{variable}: port {port} of {HOST} {why}. Choose another, such as `make run {variable}={port + 1}`, "
            f"or any free one: `make run {variable}=0`."
        ) from error
