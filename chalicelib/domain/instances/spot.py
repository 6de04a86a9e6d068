"""Spot: the terms of a launch, the request that EC2 keeps for an instance, and an interruption by EC2.

gpudesk launches with a persistent request and the interruption behavior `stop`: only such an instance can be stopped
and started. EC2 keeps the request until it is cancelled, and launches or starts an instance for it again:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.instances.before_stop import HookRun


@dataclass(frozen=True, kw_only=True)
class SpotTerms:
    """The terms of a launch request about spot.

    :param can_fall_back: launch on-demand if spot has no capacity (market `spot-or-on-demand`)
    :param resume_after_interruption: EC2 may start the instance again after it has interrupted it
    """

    can_fall_back: bool = False
    resume_after_interruption: bool = False


class SpotRequestState(StrEnum):
    """State of a spot request: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html

    `disabled`: somebody stopped the instance, and a start works. `open`: EC2 launches or starts an instance when it has
    capacity. Only EC2 can start an instance whose request is open.
    """

    OPEN = "open"
    ACTIVE = "active"
    DISABLED = "disabled"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    FAILED = "failed"


LIVE_REQUEST_STATES = (SpotRequestState.OPEN, SpotRequestState.ACTIVE, SpotRequestState.DISABLED)
"""States of a request for which EC2 launches or starts an instance, now or after a start."""


@dataclass(frozen=True, kw_only=True)
class SpotRequestKey:
    """The spot request of one EC2 instance. Several requests can have the tag of a record.

    :param request_id: None: EC2 has not shown it with the instance
    """

    region: str
    instance_id: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedSpotRequest:
    """A spot request, as DescribeSpotInstanceRequests shows it.

    :param tag_id: value of its tag `gpudesk:id`; empty: it has none
    :param instance_id: the EC2 instance that EC2 has launched for it; None: there is none
    :param status_code: for example `instance-stopped-no-capacity`
    :param updated_at: when its status last changed
    """

    request_id: str
    tag_id: str
    region: str
    state: SpotRequestState
    instance_id: str | None
    status_code: str
    updated_at: datetime

    @property
    def is_live(self) -> bool:
        """Return whether EC2 may launch or start an instance for it."""
        return self.state in LIVE_REQUEST_STATES


class InterruptionAction(StrEnum):
    """The action of EC2 on an instance that it interrupts."""

    STOP = "stop"
    TERMINATE = "terminate"
    HIBERNATE = "hibernate"


@dataclass(frozen=True, kw_only=True)
class InterruptionWarning:
    """EC2's warning that it interrupts an instance, two minutes before. Not a stop warning: gpudesk cannot prevent it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html

    :param interrupts_at: when EC2 interrupts the instance
    """

    action: InterruptionAction
    interrupts_at: datetime


def parse_reported_interruption(text: str) -> InterruptionWarning | None:
    """Return the warning in a heartbeat; None: the text is not in the form of the probe.

    :param text: for example `stop 2026-01-05T09:02:00Z`; a user of the instance can forge it
    """
    action, _, time = text.partition(" ")
    try:
        warning = InterruptionWarning(action=InterruptionAction(action), interrupts_at=datetime.fromisoformat(time))
    except ValueError:
        return None
    return warning if warning.interrupts_at.tzinfo else None


@dataclass(frozen=True, kw_only=True)
class SpotEvent:
    """An event of EventBridge about a spot instance.

    :param action: what EC2 does to it `WARNED_BEFORE` later; None: EC2 only sees a higher risk of an interruption
    """

    ec2_instance_id: str
    action: InterruptionAction | None
    at: datetime


WARNED_BEFORE = timedelta(minutes=2)
"""Time between EC2's warning and the interruption."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """An interruption of the instance, from the warning until the instance is started again.

    :param warning: None: EC2 interrupted it, and gpudesk saw no warning
    :param interrupted_at: when gpudesk saw that EC2 had stopped the instance; None: EC2 has not, or gpudesk was faster
    :param hook: the run of the before-stop hook, if EC2 itself ends the instance; None: none was sent
    """

    warning: InterruptionWarning | None = None
    interrupted_at: datetime | None = None
    hook: HookRun | None = None

    @property
    def has_happened(self) -> bool:
        """Return whether EC2 has stopped the instance, so that EC2 can start it again."""
        return self.interrupted_at is not None
