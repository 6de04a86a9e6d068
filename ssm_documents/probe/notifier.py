"""Messages to the people who are logged in: gpudesk's stop warnings, and those of the instance itself."""

from __future__ import annotations

import logging
from typing import Protocol

from chalicelib.domain.common.text import format_time
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse
from chalicelib.domain.idle.self_stop import SelfStopAction, SelfStopDecision
from ssm_documents.probe.user_messenger import DeliveryCount
from ssm_documents.probe.warning_texts import SELF_STOP_HINT, describe_keep, describe_reason

logger = logging.getLogger(__name__)


class Messenger(Protocol):
    """Something that shows a message to the people who are logged in on the instance."""

    def notify(self, text: str) -> DeliveryCount:
        """Show a message and return how many people it reached."""
        ...


class Notifier:
    """Shows a stop warning at each heartbeat until it has reached somebody, and says when the stop is cancelled.

    :ivar warning_id: id of the last warning from gpudesk that was shown
    :ivar reached: whom it reached
    :ivar interruption: EC2's warning that it interrupts this spot instance: the action and the time
    """

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self.warning_id: str | None = None
        self.reached = DeliveryCount()
        self.interruption: str | None = None

    def handle_stop_warning(self, response: HeartbeatResponse) -> None:
        """Show the stop warning of a heartbeat response. If it has none, say that the last warning is cancelled."""
        warning = response.warning
        if warning is None:
            if self.warning_id and self.reached:
                self._messenger.notify("gpudesk: The stop was cancelled. This instance keeps running.")
            self.warning_id, self.reached = None, DeliveryCount()
            return
        if warning.id != self.warning_id:
            self.warning_id, self.reached = warning.id, DeliveryCount()
        if not self.reached:
            self.reached = self._messenger.notify(_build_warning(warning))

    def handle_interruption(self, warning: str) -> None:
        """Show EC2's warning that it interrupts this spot instance.

        :param warning: the action and the time
        """
        self.interruption = warning
        self._announce("EC2 interrupts this instance in two minutes. Save your work.")

    def handle_self_stop(self, decision: SelfStopDecision) -> None:
        """Announce what the instance decided about its own stop."""
        match decision.action:
            case SelfStopAction.WARN if decision.state.stop_at:
                stop_time = format_time(decision.state.stop_at)
                self._announce(
                    f"This instance will stop itself at {stop_time}, because gpudesk has not stopped it. "
                    f"{decision.message} {SELF_STOP_HINT}"
                )
            case SelfStopAction.CANCEL:
                self._announce(f"This instance no longer stops itself. {decision.message}")
            case SelfStopAction.STOP:
                self._announce(f"This instance is stopping now. {decision.message}")
            case _:
                return

    def _announce(self, text: str) -> None:
        logger.warning(text)
        self._messenger.notify(f"gpudesk: {text}")


def _build_warning(warning: ActiveWarning) -> str:
    reason, hint = describe_reason(warning.warning_type), describe_keep(warning.warning_type)
    return f"gpudesk: This instance will be stopped at {format_time(warning.stop_at)}: {reason}. {hint}"
