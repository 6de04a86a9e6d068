"""What the people on the machine are told: the desk's warnings, and the machine's own."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Protocol

from chalicelib.domain.activity.alone import Turn, Word
from chalicelib.domain.activity.orders import Announced, Orders
from ssm_documents.probe.people import Reached

logger = logging.getLogger(__name__)

KEEP = "To keep it running: gpudesk-keep 4h"

ABOUT = {
    "idle": "it is idle",
    "lifetime": "its maximum hours are over",
    "failed": "its setup failed",
    "no_agent": "its agent does not answer",
}


class Tells(Protocol):
    """Whoever gives a message to the people on the machine."""

    def tell(self, text: str) -> Reached: ...


class Announcer:
    """Passes each warning on until it has reached somebody, and takes it back aloud.

    :ivar warning_id: of the desk's warning that was last passed on
    :ivar reached: whom it reached
    """

    def __init__(self, people: Tells) -> None:
        self._people = people
        self.warning_id: str | None = None
        self.reached = Reached()

    def hear(self, orders: Orders) -> None:
        """The desk's warning, or that it stands no more."""
        warning = orders.warning
        if warning is None:
            if self.warning_id and self.reached:
                self._people.tell("gpudesk: the warning is withdrawn, this instance goes on running")
            self.warning_id, self.reached = None, Reached()
            return
        if warning.id != self.warning_id:
            self.warning_id, self.reached = warning.id, Reached()
        if not self.reached:
            self.reached = self._people.tell(_text(warning))

    def say(self, turn: Turn) -> None:
        """The machine's own word."""
        match turn.word:
            case Word.WARN if turn.alone.acts_at:
                self._tell(f"this instance stops itself at {_clock(turn.alone.acts_at)} ({turn.sentence}). {KEEP}")
            case Word.WITHDRAW:
                self._tell(f"this instance does not stop itself: {turn.sentence}")
            case Word.STOP:
                self._tell(f"this instance stops itself now: {turn.sentence}")
            case _:
                return

    def _tell(self, text: str) -> None:
        logger.warning(text)
        self._people.tell(f"gpudesk: {text}")


def _text(warning: Announced) -> str:
    why = ABOUT.get(warning.kind, warning.kind)
    return f"gpudesk: this instance will be stopped at {_clock(warning.acts_at)}: {why}. {KEEP}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"
