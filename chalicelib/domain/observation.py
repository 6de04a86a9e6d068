"""What was seen of one instance in one look, as plain data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.activity.heartbeat import Report
from chalicelib.domain.activity.orders import Orders
from chalicelib.domain.instance import Ec2State, ScheduledEvent


@dataclass(frozen=True, kw_only=True)
class Ec2View:
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
class Unobserved:
    """AWS did not answer: nothing may be concluded."""

    why: str


@dataclass(frozen=True)
class Untagged:
    """The record's machine is there, by its id, and does not carry our tags any more."""

    instance_id: str


@dataclass(frozen=True)
class Absent:
    """AWS answered, and it was not there: not yet, or not any more."""


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """The SSM agent of an instance."""

    online: bool
    last_ping_at: datetime


class CommandStatus(StrEnum):
    """Where a command is on one instance."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One step of a document that ran.

    :param output: what it said, then its errors, as far as SSM keeps them
    """

    name: str
    status: str
    exit_code: int
    output: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CommandView:
    """A command on one instance."""

    command_id: str
    status: CommandStatus
    detail: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at one instance. What was not looked for is Absent or None.

    :param orders: what the machine can read of the desk's orders; Absent: there is nowhere to write them
    :param scheduled: what AWS is going to do to the machine
    """

    ec2: Ec2View | Untagged | Absent | Unobserved
    agent: AgentView | Absent | Unobserved = Absent()
    command: CommandView | Absent | Unobserved = Absent()
    heartbeat: Report = None
    orders: Orders | Absent | None = Absent()
    scheduled: ScheduledEvent | Absent | Unobserved = Unobserved("not looked for")
