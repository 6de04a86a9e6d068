"""Messages between the host, the first process of a machine and its programs: JSON packets with open files.

The host and the first process use a socket pair. Programs on the machine and the first process use a socket in /run.
The host and the machine both import this module, so it uses the standard library only.
"""

import json
import socket
from typing import Any

MAX_PACKET = 150_000
"""Bytes of the largest packet, below the limit of an unprivileged socket buffer. Scripts are sent as open files."""

SOCKET_PATH = "/run/machine.sock"

Message = dict[str, Any]


def send(channel: socket.socket, message: Message, files: list[int] | None = None) -> None:
    """Send one packet.

    :raises OSError: the other side is gone, or the packet is too long
    """
    socket.send_fds(channel, [json.dumps(message).encode()], files or [])


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next packet and its files; None if the other side is gone."""
    try:
        packet, files, _, _ = socket.recv_fds(channel, MAX_PACKET + 1, 8)
    except ConnectionError:
        return None
    return (json.loads(packet), files) if packet else None


def exchange(message: Message) -> Message:
    """Send a query to the machine's first process and return its response.

    :raises OSError: the first process cannot be reached
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.connect(SOCKET_PATH)
        send(channel, message)
        response = receive(channel)
    if response is None:
        raise ConnectionError("The machine is halting.")
    return response[0]
