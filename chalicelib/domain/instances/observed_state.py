"""The facts that a record keeps of earlier observations."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.idle.clock_skew import ClockSkew
from chalicelib.domain.instances.ec2_instance import ScheduledEvent
from chalicelib.domain.instances.spot import Interruption


@dataclass(frozen=True, kw_only=True)
class ObservedState:
    """Facts that earlier observations of the EC2 instance and of its probe showed.

    :param agent_seen: the SSM agent has responded once, so the disk may hold somebody's work
    :param not_visible_since: time since which EC2 does not show the instance
    :param activity_unknown_since: time since which its activity is unknown
    :param clock_skew: set while its heartbeat times cannot be trusted
    :param boot_id: the boot that the probe last reported; None until its first heartbeat since the start
    :param scheduled_event: an event that AWS has scheduled for the instance
    :param interruption: EC2 interrupts or has interrupted the spot instance; None: not since it was last started
    """

    agent_seen: bool = False
    not_visible_since: datetime | None = None
    activity_unknown_since: datetime | None = None
    clock_skew: ClockSkew | None = None
    boot_id: str | None = None
    scheduled_event: ScheduledEvent | None = None
    interruption: Interruption | None = None

    @property
    def was_interrupted(self) -> bool:
        """Return whether EC2 has interrupted the instance since it was last started."""
        return self.interruption is not None and self.interruption.has_happened
