"""TCP sockets and what went through each, as `ss` tells it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

COMMAND = ("ss", "-HOatinpe")

LIMIT_SECONDS = 5.0

_PID = re.compile(r"\bpid=(\d+),fd=")
_COOKIE = re.compile(r" sk:([0-9a-f]+)")
_RECEIVED = re.compile(r" bytes_received:(\d+)")
_ACKED = re.compile(r" bytes_acked:(\d+)")


@dataclass(frozen=True)
class Socket:
    """One socket.

    :param cookie: the kernel's name for it, never used again
    :param local: address and port
    :param pids: the processes that hold it
    :param received: bytes, so far
    :param sent: bytes that the other side has acknowledged, so far
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
        return self.local.rpartition(":")[2]

    @property
    def address(self) -> str:
        """The local one, without brackets, the interface, and IPv6's prefix for an address of IPv4."""
        return _plain_address(self.local)

    @property
    def is_local(self) -> bool:
        """Whether the other side is on this machine, too."""
        peer = _plain_address(self.peer)
        return peer.startswith("127.") or peer in {"::1", self.address}


def list_tcp_sockets(listing: Callable[[], str] | None = None) -> list[Socket]:
    """Every TCP socket of the machine's own network, listening ones too.

    :param listing: gives the output of COMMAND
    :raises OSError, subprocess.SubprocessError: `ss` is missing, fails or hangs
    """
    return [socket for line in (listing or _ss)().splitlines() if (socket := _socket(line))]


def _socket(line: str) -> Socket | None:
    words, cookie = line.split(maxsplit=5), _COOKIE.search(line)
    if len(words) < 6 or cookie is None:
        return None
    return Socket(
        cookie=cookie[1],
        is_listening=words[0] == "LISTEN",
        local=words[3],
        peer=words[4],
        pids=frozenset(int(pid) for pid in _PID.findall(line)),
        received=_number(_RECEIVED, line),
        sent=_number(_ACKED, line),
    )


def _number(pattern: re.Pattern[str], line: str) -> int:
    found = pattern.search(line)
    return int(found[1]) if found else 0


def _plain_address(endpoint: str) -> str:
    address = endpoint.rpartition(":")[0].strip("[]")
    return address.partition("%")[0].removeprefix("::ffff:")


def _ss() -> str:
    return subprocess.run(COMMAND, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS).stdout
