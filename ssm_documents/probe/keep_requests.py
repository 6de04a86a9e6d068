"""Keep requests: users write them on the instance, and heartbeats carry them until gpudesk has decided."""

from __future__ import annotations

import logging
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.idle.heartbeat_response import KeepResult
from ssm_documents.probe.files import read_user_file, write_json

logger = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-z-]{1,32}")
MAX_HOURS = 8760
MAX_FILES = 100
"""Number of files per user that are read."""


@dataclass(frozen=True)
class RequestFile:
    """A file that may be a keep request; users can write anything there.

    :param owner: id of the user who wrote it
    :param changed_at: the kernel's time of the last change (st_ctime_ns), which users cannot set
    """

    path: Path
    owner: int
    changed_at: int


class KeepRequests:
    """A folder of files ID.json, which any user may write: {"hours": number}.

    Only the last request of each user counts. The user who has waited longest comes first.

    :param results_folder: folder for results ID.json; only root writes there
    """

    def __init__(self, folder: Path, results_folder: Path) -> None:
        self._folder = folder
        self._results_folder = results_folder

    def find_next_request(self) -> KeepRequest | None:
        """Return the request that the next heartbeat carries."""
        file_counts: Counter[int] = Counter()
        last_by_owner: dict[int, KeepRequest] = {}
        for file in reversed(self._list_files()):
            file_counts[file.owner] += 1
            if (
                file.owner not in last_by_owner
                and file_counts[file.owner] <= MAX_FILES
                and (request := _read_request(file.path))
            ):
                # Newest first: the user whose last request is the oldest is added last.
                last_by_owner[file.owner] = request
        return last_by_owner[next(reversed(last_by_owner))] if last_by_owner else None

    def acknowledge(self, result: KeepResult) -> None:
        """Store the result of a request, and remove the request and the earlier ones of the same user."""
        files = self._list_files()
        request = next((file for file in files if file.path.stem == result.id), None)
        if request is None:
            return
        try:
            write_json(
                self._results_folder / f"{result.id}.json", {"granted": result.granted, "message": result.message}
            )
            for file in files:
                if file.owner == request.owner and file.changed_at <= request.changed_at:
                    file.path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("The result of keep request %s could not be stored: %s", result.id, error)

    def _list_files(self) -> list[RequestFile]:
        """Return the files, oldest first."""
        try:
            files = [_to_request_file(path) for path in self._folder.iterdir()]
        except OSError:
            return []
        return sorted((file for file in files if file), key=lambda file: (file.changed_at, file.path.name))


def _to_request_file(path: Path) -> RequestFile | None:
    """Return the file; None: it is not a regular file, or its name is not that of a keep request."""
    if path.suffix != ".json" or not ID.fullmatch(path.stem):
        return None
    try:
        status = path.lstat()
    except OSError:
        return None
    return RequestFile(path, status.st_uid, status.st_ctime_ns) if stat.S_ISREG(status.st_mode) else None


def _read_request(path: Path) -> KeepRequest | None:
    try:
        hours = read_user_file(path)["hours"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MAX_HOURS:
        return None
    return KeepRequest(id=path.stem, hours=hours)
