"""The probe's files: where they are, and how they are written in one step and read safely."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_USER_FILE_BYTES = 65_536


@dataclass(frozen=True)
class ProbePaths:
    """Paths below gpudesk's folder on the instance."""

    root: Path = Path(os.environ.get("GPUDESK_STATE", "/var/lib/gpudesk"))

    @property
    def response(self) -> Path:
        """The last heartbeat response."""
        return self.root / "response.json"

    @property
    def status(self) -> Path:
        """The state that gpudesk-status prints."""
        return self.root / "status.json"

    @property
    def history(self) -> Path:
        """The history that gpudesk-history prints."""
        return self.root / "history.jsonl"

    @property
    def lock(self) -> Path:
        """The lock that every step of a document holds while it runs."""
        return self.root / "lock"

    @property
    def attempts(self) -> Path:
        """The marks of the steps that ended, one file each."""
        return self.root / "attempts"

    @property
    def progress(self) -> Path:
        """The progress of the running step."""
        return self.root / "progress.json"

    @property
    def holds(self) -> Path:
        """The folder of holds; every user may write to it."""
        return self.root / "holds"

    @property
    def keep_requests(self) -> Path:
        """The folder of keep requests; every user may write to it."""
        return self.root / "keep_requests"

    @property
    def keep_results(self) -> Path:
        """The folder of keep results; only root writes to it."""
        return self.root / "keep_results"

    def create_folders(self) -> None:
        """Create the folders that are missing."""
        for folder in (self.root, self.keep_results):
            folder.mkdir(parents=True, exist_ok=True)
        for shared in (self.holds, self.keep_requests):
            shared.mkdir(exist_ok=True)
            shared.chmod(0o1777)


def write_json(path: Path, content: Any) -> None:
    """Replace a file of JSON, like `write_text`."""
    write_text(path, json.dumps(content))


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step. Everybody may read it.

    :raises OSError: the file cannot be written
    """
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)


def read_user_file(path: Path) -> Any:
    """Return the JSON content of a file that any user may have written.

    :raises OSError, ValueError, RecursionError: the file cannot be read, or is not JSON
    """
    with open_user_file(path) as descriptor:
        return parse_user_file(descriptor)


@contextmanager
def open_user_file(path: Path) -> Iterator[int]:
    """Open a file that any user may have written. Links are not followed, and pipes are not waited for.

    :returns: the file descriptor
    :raises OSError, ValueError: the file cannot be opened, or is not a regular file
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a file")
        yield descriptor
    finally:
        os.close(descriptor)


def parse_user_file(descriptor: int) -> Any:
    """Return the JSON content of an open file.

    :raises OSError, ValueError, RecursionError: the file cannot be read, is longer than 64 KiB, or is not JSON
    """
    raw = os.read(descriptor, MAX_USER_FILE_BYTES + 1)
    if len(raw) > MAX_USER_FILE_BYTES:
        raise ValueError("too long")
    return json.loads(raw)
