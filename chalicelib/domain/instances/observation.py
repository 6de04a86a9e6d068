"""What was seen of one instance in one look, as plain data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.instances.record import Ec2State, ScheduledEvent
from chalicelib.domain.setup.step_output import StepOutput


@dataclass(frozen=True, kw_only=True)
class ObservedInstance:
    """An EC2 instance that carries our tag, as DescribeInstances shows it."""

    instance_id: str
    desk_id: str
    name: str
    owner: str
    region: str
    zone: str
    instance_type: str
    state: Ec2State
    launched_at: datetime


@dataclass(frozen=True)
class Unavailable:
    """AWS did not answer: nothing may be concluded."""

    error: str


@dataclass(frozen=True)
class TagsMissing:
    """The record's machine is there, by its id, and does not carry our tags any more."""

    instance_id: str


@dataclass(frozen=True)
class NotVisible:
    """AWS answered, and it was not there: not yet, or not any more."""


@dataclass(frozen=True, kw_only=True)
class ObservedAgent:
    """The SSM agent of an instance."""

    online: bool
    last_ping_at: datetime


class CommandStatus(StrEnum):
    """Where a command is on one instance."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ObservedCommand:
    """A command on one instance."""

    command_id: str
    status: CommandStatus
    status_details: str
    steps: tuple[StepOutput, ...]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at one instance. What was not looked for is Absent or None.

    :param heartbeat_response: what the machine can read of the desk's orders; Absent: there is nowhere to write them
    :param scheduled_event: what AWS is going to do to the machine
    """

    ec2: ObservedInstance | TagsMissing | NotVisible | Unavailable
    agent: ObservedAgent | NotVisible | Unavailable = NotVisible()
    command: ObservedCommand | NotVisible | Unavailable = NotVisible()
    heartbeat: DecodedHeartbeat = None
    heartbeat_response: HeartbeatResponse | NotVisible | None = NotVisible()
    scheduled_event: ScheduledEvent | NotVisible | Unavailable = Unavailable("not looked for")
