"""Keeps that somebody on the machine asks for: passed on with the heartbeat until the desk has answered."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from chalicelib.domain.activity.heartbeat import Wish
from chalicelib.domain.activity.orders import Answer
from ssm_documents.probe.files import read_users_json, write_json

logger = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-z-]{1,32}")
MOST_HOURS = 8760
MOST_FILES = 100


class Wishes:
    """Files ID.json of any user: {"hours": number}. The last one counts.

    :param answers: where ID.json says what the desk answered; root alone writes there
    """

    def __init__(self, folder: Path, answers: Path) -> None:
        self._folder = folder
        self._answers = answers

    def pending(self) -> Wish | None:
        """The one to be passed on."""
        try:
            paths = [each for each in self._folder.iterdir() if each.suffix == ".json" and ID.fullmatch(each.stem)]
        except OSError:
            return None
        for path in sorted(paths, key=_written, reverse=True)[:MOST_FILES]:
            wish = _wish(path)
            if wish:
                return wish
        return None

    def answered(self, answer: Answer) -> None:
        """The desk has answered this one; those that were asked for before it are answered with it."""
        wish = self._folder / f"{answer.id}.json"
        if not ID.fullmatch(answer.id) or not wish.exists():
            return
        asked_at = _written(wish)
        try:
            write_json(self._answers / f"{answer.id}.json", {"granted": answer.granted, "sentence": answer.sentence})
            for path in self._folder.iterdir():
                if _written(path) <= asked_at:
                    path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the answer to %s could not be passed on: %s", answer.id, error)


def _wish(path: Path) -> Wish | None:
    try:
        hours = read_users_json(path)["hours"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MOST_HOURS:
        return None
    return Wish(id=path.stem, hours=hours)


def _written(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
