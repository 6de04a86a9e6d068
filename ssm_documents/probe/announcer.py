"""What the people on the machine are told: the desk's warnings, and the machine's own."""

from __future__ import annotations

import logging
from typing import Protocol

from chalicelib.domain.common.text import format_time
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse
from chalicelib.domain.idle.self_stop import SelfStopAction, SelfStopDecision
from ssm_documents.probe.people import DeliveryCount

logger = logging.getLogger(__name__)

KEEP_HINT = "To keep it running: gpudesk-keep 4h"

WARNING_TEXTS = {
    "idle": "it is idle",
    "lifetime": "its maximum hours are over",
    "failed": "its setup failed",
    "no_agent": "its agent does not answer",
}


class Messenger(Protocol):
    """Whoever gives a message to the people on the machine."""

    def notify(self, text: str) -> DeliveryCount: ...


class Notifier:
    """Passes each warning on until it has reached somebody, and takes it back aloud.

    :ivar warning_id: of the desk's warning that was last passed on
    :ivar reached: whom it reached
    """

    def __init__(self, people: Messenger) -> None:
        self._people = people
        self.warning_id: str | None = None
        self.reached = DeliveryCount()

    def handle_desk_warning(self, orders: HeartbeatResponse) -> None:
        """The desk's warning, or that it stands no more."""
        warning = orders.warning
        if warning is None:
            if self.warning_id and self.reached:
                self._people.notify("gpudesk: the warning is withdrawn, this instance goes on running")
            self.warning_id, self.reached = None, DeliveryCount()
            return
        if warning.id != self.warning_id:
            self.warning_id, self.reached = warning.id, DeliveryCount()
        if not self.reached:
            self.reached = self._people.notify(_text(warning))

    def handle_self_stop(self, turn: SelfStopDecision) -> None:
        """The machine's own word."""
        match turn.action:
            case SelfStopAction.WARN if turn.state.stop_at:
                self._tell(
                    f"this instance stops itself at {format_time(turn.state.stop_at)} ({turn.message}). {KEEP_HINT}"
                )
            case SelfStopAction.CANCEL:
                self._tell(f"this instance does not stop itself: {turn.message}")
            case SelfStopAction.STOP:
                self._tell(f"this instance stops itself now: {turn.message}")
            case _:
                return

    def _tell(self, text: str) -> None:
        logger.warning(text)
        self._people.notify(f"gpudesk: {text}")


def _text(warning: ActiveWarning) -> str:
    why = WARNING_TEXTS.get(warning.warning_type, warning.warning_type)
    return f"gpudesk: this instance will be stopped at {format_time(warning.stop_at)}: {why}. {KEEP_HINT}"
