"""The EC2 instance behind a record, with its state and its scheduled events, in EC2's own terms."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ec2State(StrEnum):
    """State of an EC2 instance, as EC2 calls it:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    """

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, kw_only=True)
class Ec2Instance:
    """The EC2 instance behind a record, as last observed."""

    instance_id: str
    zone: str
    state: Ec2State
    launched_at: datetime


@dataclass(frozen=True, kw_only=True)
class ScheduledEvent:
    """An event that AWS has scheduled for an EC2 instance.

    :param code: instance-retirement, instance-stop, instance-reboot, system-reboot, system-maintenance
    """

    id: str
    code: str
    not_before: datetime
    description: str
