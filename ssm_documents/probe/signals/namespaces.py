"""Calls in the network namespace of another process: the loopback of a container is not that of the instance."""

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
    """Return the kernel's number of the network namespace of a process; None: the process has ended."""
    try:
        return (proc / str(pid) / "ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def call_in_network(pid: int, call: Callable[[], T], proc: Path = PROC) -> T:
    """Call a function in the network namespace of a process and return its result.

    :raises OSError: the process has ended, or its namespace cannot be entered
    """
    namespace = proc / str(pid) / "ns/net"
    if namespace.stat().st_ino == (proc / "self/ns/net").stat().st_ino:
        return call()

    def enter_and_call() -> T:
        _enter(namespace)
        return call()

    # Entering a namespace moves the calling thread, and the thread cannot return. So a separate thread does it.
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
