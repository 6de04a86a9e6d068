"""Something done in the network of another process: a container's loopback is not the machine's."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ssm_documents.probe.signals.processes import PROC

CLONE_NEWNET = 0x40000000

T = TypeVar("T")


def find_network(pid: int, proc: Path = PROC) -> int | None:
    """The kernel's number of the network that the process is in; None where it has ended."""
    try:
        return (proc / str(pid) / "ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def call_in_network(pid: int, call: Callable[[], T], proc: Path = PROC) -> T:
    """What `call` gives, called where this process is.

    :raises OSError: the process has ended, or its network may not be entered
    """
    theirs = proc / str(pid) / "ns/net"
    if theirs.stat().st_ino == (proc / "self/ns/net").stat().st_ino:
        return call()

    def enter_and_call() -> T:
        _enter(theirs)
        return call()

    # A thread of its own: entering moves the thread for good, and no other.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(enter_and_call).result()


def _enter(namespace: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
    finally:
        os.close(descriptor)
