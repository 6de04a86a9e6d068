"""Folder of one run, `.gpudesk/PORT/`, with token, log and machines. A lock separates the runs of one checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.machines.sandbox import disk

RUNS_FOLDER = Path(".gpudesk")


class FolderInUse(Exception):
    """Another run holds the folder. The message says how to use another folder."""


@dataclass(frozen=True)
class RunFolder:
    """Files of one run."""

    path: Path

    @property
    def token(self) -> Path:
        """Return the path of the file with the admin's bearer token."""
        return self.path / "token"

    @property
    def log(self) -> Path:
        """Return the path of the log of gpudesk and of the local cloud."""
        return self.path / "log"

    @property
    def machines(self) -> Path:
        """Return the path of the folder with the instances' disks."""
        return self.path / "machines"

    def write_token(self, token: str) -> None:
        """Write the token to a new file that only this user can read."""
        self.token.touch(0o600, exist_ok=False)
        self.token.write_text(f"{token}\n")


@contextmanager
def claim_run_folder(port: int, home: Path = RUNS_FOLDER) -> Iterator[RunFolder]:
    """Create and lock an empty folder for the run on `port`, and remove the folders of ended runs.

    :raises FolderInUse: another run on this port has not ended
    :raises OSError: the folder is not writable, for example because it belongs to another user
    """
    home.mkdir(exist_ok=True)
    folder = home / str(port)
    home_descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One run at a time cleans up and creates its folder. Otherwise another run could remove it before it is locked.
        fcntl.flock(home_descriptor, fcntl.LOCK_EX)
        _remove_ended_runs(home)
        folder.mkdir(exist_ok=True)
        lock = _try_lock(folder)
    finally:
        os.close(home_descriptor)
    if lock is None:
        raise FolderInUse(
            f"PORT: another run on port {port} in this folder is starting or ending. Wait for it, or choose another "
            "port: `make run PORT=0`."
        )
    try:
        yield RunFolder(folder)
    finally:
        os.close(lock)


def _remove_ended_runs(home: Path) -> None:
    """Remove the folders that no run holds, except for those of other users, which cannot be removed."""
    for folder in home.iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):
            lock = _try_lock(folder)
            if lock is None:
                continue
            try:
                disk.remove(folder)
            finally:
                os.close(lock)


def _try_lock(folder: Path) -> int | None:
    """Lock a folder.

    :returns: descriptor to close for unlocking; None if another run holds the lock
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
