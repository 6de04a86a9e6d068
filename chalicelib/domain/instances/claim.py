"""The claim of a start, a stop or a termination. It is stored before AWS is called."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.before_stop import HookRun
from chalicelib.domain.instances.warning import WarningType


class ClaimAction(StrEnum):
    """Action that gpudesk claims before it calls AWS."""

    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An action that gpudesk has begun. Once a stop or a termination is claimed, a keep is refused.

    :param warning_type: type of the stop warning that the action follows; None: a person requested it
    :param last_called_at: time of the last AWS call
    :param request_cancelled_at: time of the last call that cancelled the spot request, before a termination
    :param first_called_at: time of the first AWS call after a hook; None: the claim was followed by the call
    :param hook: the hook that runs before the call of a stop; None: there is none
    :param rejection_code: AWS error code of the last rejected call that people were notified of
    :param last_error: why AWS did not accept the last call of a start, as a sentence; None: AWS accepted it
    """

    action: ClaimAction
    claimed_at: datetime
    reason: EventReason
    warning_type: WarningType | None = None
    last_called_at: datetime | None = None
    request_cancelled_at: datetime | None = None
    first_called_at: datetime | None = None
    hook: HookRun | None = None
    rejection_code: str | None = None
    last_error: str | None = None

    @property
    def calling_since(self) -> datetime:
        """The time from which the deadlines for the effect of the call count: a hook does not use them up."""
        return self.first_called_at or self.claimed_at

    @property
    def must_be_idle(self) -> bool:
        """Return whether activity still cancels the action. The activity of a hook does not."""
        return self.warning_type is WarningType.IDLE and not (self.hook and self.hook.may_have_run)

    @property
    def pending_hook(self) -> HookRun | None:
        """The hook that the call waits for."""
        return self.hook if self.hook and self.hook.ended_at is None else None
