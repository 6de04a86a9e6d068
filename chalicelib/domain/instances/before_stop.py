"""The before-stop hook of an instance: a program of the owner that runs before gpudesk stops the instance.

It can delay the stop by at most `BEFORE_STOP_BOUND`, and it never keeps the instance running.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.deadlines import BEFORE_STOP_BOUND, BEFORE_STOP_REPORT, BEFORE_STOP_SPOT_BOUND
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.setup.state import DocumentRun

BEFORE_STOP_DOCUMENT = "gpudesk-before-stop"


class StopReason(StrEnum):
    """Reason of a stop that a hook runs before. The hook finds it in `GPUDESK_STOP_REASON`.

    A stop that a person requests has none: the person decides when, and can run the program before. The instance
    itself uses `self` (`ssm_documents/probe/before_stop.py`).
    """

    IDLE = "idle"
    LIFETIME = "lifetime"
    FAILED = "failed"
    SPOT = "spot"


REASON_BY_WARNING: Mapping[WarningType, StopReason] = {
    WarningType.IDLE: StopReason.IDLE,
    WarningType.LIFETIME: StopReason.LIFETIME,
    WarningType.FAILED: StopReason.FAILED,
    WarningType.SPOT: StopReason.SPOT,
}
"""The stops that follow a warning. Without an SSM agent (`no_agent`), gpudesk can run nothing on the instance."""


@dataclass(frozen=True, kw_only=True)
class HookRun:
    """The run of a hook before one stop.

    :param path: the path when the stop was claimed; a later change does not affect it
    :param run: the command; its `sent_at` is the time from which the bound counts
    :param ended_at: when gpudesk went on to stop the instance; None: it waits for the hook
    """

    path: str
    stop_reason: StopReason
    run: DocumentRun
    ended_at: datetime | None = None

    @property
    def bound(self) -> timedelta:
        """The time for which the hook can delay the stop, with the delivery of the command and its report."""
        return get_bound(self.stop_reason)

    @property
    def may_have_run(self) -> bool:
        """Return whether SSM has accepted the command, so that activity on the instance may be that of the hook."""
        return self.run.command_id is not None


def begin_hook_run(instance_id: str, path: str, reason: StopReason, now: datetime) -> HookRun:
    """Return a run whose command is sent now. Its attempt id stays the same when the command is sent again."""
    run = DocumentRun(attempt_id=f"{instance_id}.before-stop.{int(now.timestamp())}", sent_at=now, last_sent_at=now)
    return HookRun(path=path, stop_reason=reason, run=run)


def get_bound(reason: StopReason) -> timedelta:
    """Return the time for which a hook can delay a stop."""
    return BEFORE_STOP_SPOT_BOUND if reason is StopReason.SPOT else BEFORE_STOP_BOUND


def get_script_limit(reason: StopReason) -> timedelta:
    """Return the time after which the instance ends the program, so that its output still arrives in time."""
    return get_bound(reason) - BEFORE_STOP_REPORT
