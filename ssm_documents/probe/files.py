"""Where the probe keeps what outlives it, and how a file is written whole or not at all."""

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
    """The folder of the desk on this machine.

    :ivar holds: holds, which every user may write to
    :ivar wishes: keep requests, which every user may write to
    :ivar answers: keep results, which only root writes
    """

    root: Path = Path(os.environ.get("GPUDESK_STATE", "/var/lib/gpudesk"))

    @property
    def response(self) -> Path:
        return self.root / "response.json"

    @property
    def status(self) -> Path:
        return self.root / "status.json"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def attempts(self) -> Path:
        return self.root / "attempts"

    @property
    def progress(self) -> Path:
        return self.root / "progress.json"

    @property
    def holds(self) -> Path:
        return self.root / "holds"

    @property
    def keep_requests(self) -> Path:
        return self.root / "keep_requests"

    @property
    def keep_results(self) -> Path:
        return self.root / "keep_results"

    def create_folders(self) -> None:
        """The folders that are missing."""
        for folder in (self.root, self.keep_results):
            folder.mkdir(parents=True, exist_ok=True)
        for shared in (self.holds, self.keep_requests):
            shared.mkdir(exist_ok=True)
            shared.chmod(0o1777)


def write_json(path: Path, content: Any) -> None:
    """Replace the file in one step; readable by everybody.

    :raises OSError: it cannot be written
    """
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)


def read_user_file(path: Path) -> Any:
    """What a file says that any user may have put there.

    :raises OSError, ValueError, RecursionError: it is not to be had, or no JSON
    """
    with open_user_file(path) as descriptor:
        return parse_user_file(descriptor)


@contextmanager
def open_user_file(path: Path) -> Iterator[int]:
    """The descriptor of a file that any user may have put there: a link is not followed, a pipe not waited for.

    :raises OSError, ValueError: it is not to be had, or no file
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a file")
        yield descriptor
    finally:
        os.close(descriptor)


def parse_user_file(descriptor: int) -> Any:
    """What such a file says, unless it is longer than anything of ours.

    :raises OSError, ValueError, RecursionError: it cannot be read, or is no JSON
    """
    raw = os.read(descriptor, MAX_USER_FILE_BYTES + 1)
    if len(raw) > MAX_USER_FILE_BYTES:
        raise ValueError("too long")
    return json.loads(raw)
