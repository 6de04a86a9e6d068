"""Keeps that somebody on the machine asks for: passed on with the heartbeat until the desk has answered."""

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
"""Of one user, that are looked at."""


@dataclass(frozen=True)
class RequestFile:
    """A file that may hold a wish, for users may put anything there.

    :param owner: the user who asks
    :param at: the kernel's time of the file's last change, which no user can set
    """

    path: Path
    owner: int
    at: int


class KeepRequests:
    """Files ID.json of any user: {"hours": number}. Of each user the last one counts; who has waited longest is first.

    :param answers: where ID.json says what the desk answered; root alone writes there
    """

    def __init__(self, folder: Path, answers: Path) -> None:
        self._folder = folder
        self._answers = answers

    def next_request(self) -> KeepRequest | None:
        """The one to be passed on."""
        looked_at: Counter[int] = Counter()
        last: dict[int, KeepRequest] = {}
        for request_file in reversed(self._request_files()):
            looked_at[request_file.owner] += 1
            if (
                request_file.owner not in last
                and looked_at[request_file.owner] <= MAX_FILES
                and (wish := _read_request(request_file.path))
            ):
                # Whose last wish is the oldest comes in last.
                last[request_file.owner] = wish
        return last[next(reversed(last))] if last else None

    def acknowledge(self, answer: KeepResult) -> None:
        """The desk has answered this one; those that the same user had asked for before it are answered with it."""
        asked = self._request_files()
        wish = next((each for each in asked if each.path.stem == answer.id), None)
        if wish is None:
            return
        try:
            write_json(self._answers / f"{answer.id}.json", {"granted": answer.granted, "message": answer.message})
            for each in asked:
                if each.owner == wish.owner and each.at <= wish.at:
                    each.path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the answer to %s could not be passed on: %s", answer.id, error)

    def _request_files(self) -> list[RequestFile]:
        """In the order of time."""
        try:
            found = [_request_file(path) for path in self._folder.iterdir()]
        except OSError:
            return []
        return sorted((each for each in found if each), key=lambda each: (each.at, each.path.name))


def _request_file(path: Path) -> RequestFile | None:
    """None where it is no file, or has not the name of a wish."""
    if path.suffix != ".json" or not ID.fullmatch(path.stem):
        return None
    try:
        observation = path.lstat()
    except OSError:
        return None
    return RequestFile(path, observation.st_uid, observation.st_ctime_ns) if stat.S_ISREG(observation.st_mode) else None


def _read_request(path: Path) -> KeepRequest | None:
    try:
        hours = read_user_file(path)["hours"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MAX_HOURS:
        return None
    return KeepRequest(id=path.stem, hours=hours)
