"""How the pieces of a pretend machine talk: JSON in one packet each, with open files where some are passed along.

The host speaks to the machine's first process over a socket pair; programs inside speak to it over a socket in /run.
This file is used on both sides and imports the standard library alone.
"""

import json
import socket
from typing import Any

MAX_PACKET = 150_000
"""Below what an unprivileged socket buffer takes. Scripts travel as open files, never inside a packet."""

SOCKET_PATH = "/run/machine.sock"

Message = dict[str, Any]


def send(channel: socket.socket, message: Message, files: list[int] | None = None) -> None:
    """Send one packet. :raises OSError: the other side is gone, or the packet is too long"""
    socket.send_fds(channel, [json.dumps(message).encode()], files or [])


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """The next packet and the files that came with it; None when the other side is gone."""
    try:
        packet, files, _, _ = socket.recv_fds(channel, MAX_PACKET + 1, 8)
    except ConnectionError:
        return None
    return (json.loads(packet), files) if packet else None


def exchange(message: Message) -> Message:
    """What the machine's first process answers to a program inside. :raises OSError: it cannot be reached"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.connect(SOCKET_PATH)
        send(channel, message)
        answer = receive(channel)
    if answer is None:
        raise ConnectionError("the machine is going down")
    return answer[0]
