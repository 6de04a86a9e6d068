"""State of the fake dpkg: its lock, and an installation that it left half done."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .faults import read_number

LOCK = Path("/var/lib/dpkg/lock-frontend")
LISTS_LOCK = Path("/var/lib/apt/lists/lock")
INTERRUPTED = Path("/var/lib/dpkg/updates/0001")
EXIT_ERROR = 100


def run_locked(lock: Path, run: Callable[[], int]) -> int:
    """Run something with a lock. If another process holds it, print the messages of apt and return its exit status."""
    with try_lock(lock) as is_locked:
        if is_locked:
            return run()
    print(f"E: Could not get lock {lock}. It is held by another process", file=sys.stderr)
    if lock == LOCK:
        print(
            f"E: Unable to acquire the dpkg frontend lock ({lock}), is another process using it?",
            file=sys.stderr,
        )
    else:
        print(f"E: Unable to lock directory {lock.parent}/", file=sys.stderr)
    return EXIT_ERROR


@contextmanager
def try_lock(lock: Path) -> Iterator[bool]:
    """Lock a file, and yield whether that was possible. A child process keeps the lock if it outlives this one."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run_dpkg() -> None:
    """Take the time of dpkg, in another session. If apt-get is killed meanwhile, the installation stays half done."""
    seconds = read_number("slow-dpkg")
    if seconds is None:
        return
    INTERRUPTED.parent.mkdir(parents=True, exist_ok=True)
    INTERRUPTED.touch()
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for standard_stream in (0, 1, 2):
            os.dup2(null, standard_stream)
        time.sleep(seconds)
        os._exit(0)
    os.waitpid(child, 0)
    INTERRUPTED.unlink()


def is_interrupted() -> bool:
    """Return whether dpkg must complete an installation, and print the message of apt then."""
    if INTERRUPTED.exists():
        print(
            "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ",
            file=sys.stderr,
        )
    return INTERRUPTED.exists()


def configure() -> int:
    """Run `dpkg --configure -a`."""
    with try_lock(LOCK) as is_locked:
        if not is_locked:
            print("dpkg: error: dpkg frontend lock was locked by another process with pid 1", file=sys.stderr)
            return 2
        INTERRUPTED.unlink(missing_ok=True)
    return 0
