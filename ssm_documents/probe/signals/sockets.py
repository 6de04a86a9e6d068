"""TCP sockets and their byte counts, from the output of `ss`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

COMMAND = ("ss", "-HOatinpe")

LIMIT_SECONDS = 5.0

_MAPPED = re.compile(r"\[::ffff:([\d.]+)\]")
"""An IPv4 address as a socket for IPv6 shows it. The other end of the connection shows it as IPv4."""

_PID = re.compile(r"\bpid=(\d+),fd=")
_COOKIE = re.compile(r" sk:([0-9a-f]+)")
_RECEIVED = re.compile(r" bytes_received:(\d+)")
_ACKED = re.compile(r" bytes_acked:(\d+)")


@dataclass(frozen=True)
class Socket:
    """One socket.

    :param cookie: the kernel's unique id of the socket
    :param local: local address and port
    :param pids: the processes that have it open
    :param received: number of bytes received
    :param sent: number of bytes sent and acknowledged by the other side
    """

    cookie: str
    is_listening: bool
    local: str
    peer: str
    pids: frozenset[int]
    received: int
    sent: int

    @property
    def port(self) -> str:
        """The local port."""
        return self.local.rpartition(":")[2]

    @property
    def address(self) -> str:
        """The local address, without brackets and interface."""
        return _parse_address(self.local)

    @property
    def is_local(self) -> bool:
        """Return whether the other side is on this instance, too."""
        peer = _parse_address(self.peer)
        return peer.startswith("127.") or peer in {"::1", self.address}


def list_tcp_sockets(listing: Callable[[], str] | None = None) -> list[Socket]:
    """Return all TCP sockets of the current network namespace, listening ones included.

    :param listing: returns the output of COMMAND
    :raises OSError, subprocess.SubprocessError: `ss` is missing, fails or hangs
    """
    return [socket for line in (listing or _run_ss)().splitlines() if (socket := _parse_line(line))]


def _parse_line(line: str) -> Socket | None:
    line = _MAPPED.sub(r"\1", line)
    words, cookie = line.split(maxsplit=5), _COOKIE.search(line)
    if len(words) < 6 or cookie is None:
        return None
    return Socket(
        cookie=cookie[1],
        is_listening=words[0] == "LISTEN",
        local=words[3],
        peer=words[4],
        pids=frozenset(int(pid) for pid in _PID.findall(line)),
        received=_parse_number(_RECEIVED, line),
        sent=_parse_number(_ACKED, line),
    )


def _parse_number(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.search(line)
    return int(match[1]) if match else 0


def _parse_address(endpoint: str) -> str:
    address = endpoint.rpartition(":")[0].strip("[]")
    return address.partition("%")[0]


def _run_ss() -> str:
    return subprocess.run(COMMAND, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS).stdout
