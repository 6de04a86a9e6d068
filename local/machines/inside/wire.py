"""Messages between the host, a machine's first process and its programs: one JSON packet each, with open files.

The host and the first process use a socket pair; programs inside and the first process use a socket in /run. Both
sides import this file, so it uses the standard library only.
"""

import json
import socket
from typing import Any

MAX_PACKET = 150_000
"""Below the limit of a socket buffer without privileges. Scripts are sent as open files, never inside a packet."""

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

    :raises OSError: it cannot be reached
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.connect(SOCKET_PATH)
        send(channel, message)
        response = receive(channel)
    if response is None:
        raise ConnectionError("the machine is halting")
    return response[0]
