"""The observation of one instance: what AWS and the heartbeat showed at one time, as plain data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, ScheduledEvent, StateReason
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.spot import ObservedSpotRequest
from chalicelib.domain.setup.step_output import StepOutput


@dataclass(frozen=True, kw_only=True)
class ObservedInstance:
    """An EC2 instance with the tags of gpudesk, as DescribeInstances shows it.

    :param has_adopt_tag: it has the tag by which an admin of the account allowed gpudesk to adopt it
    :param has_profile: it has an instance profile
    """

    instance_id: str
    tag_id: str
    name: str
    owner: str
    region: str
    zone: str
    instance_type: str
    state: Ec2State
    launched_at: datetime
    state_reason: StateReason | None = None
    image_arch: str | None = None
    market: Market = Market.ON_DEMAND
    spot_instance_request_id: str | None = None
    has_adopt_tag: bool = False
    has_profile: bool = True

    def to_ec2_instance(self) -> Ec2Instance:
        """Return what a record holds of it."""
        return Ec2Instance(
            instance_id=self.instance_id,
            zone=self.zone,
            state=self.state,
            launched_at=self.launched_at,
            state_reason=self.state_reason,
            image_arch=self.image_arch,
            market=self.market,
            spot_instance_request_id=self.spot_instance_request_id,
            has_profile=self.has_profile or not self.has_adopt_tag,
        )


@dataclass(frozen=True)
class Unavailable:
    """AWS did not respond or rejected the call, so nothing can be concluded.

    :param is_rejected: AWS responded with an error that does not pass by itself
    """

    error: str
    is_rejected: bool = False

    @property
    def past(self) -> str:
        """The reaction of AWS, as the verb of a sentence about the past."""
        return "rejected the call" if self.is_rejected else "did not respond"

    @property
    def present(self) -> str:
        """The reaction of AWS, as the verb of a sentence about the present."""
        return "rejects the call" if self.is_rejected else "does not respond"


@dataclass(frozen=True)
class TagsMissing:
    """The EC2 instance of the record exists, but it lost its gpudesk tags."""

    instance_id: str


@dataclass(frozen=True)
class NotVisible:
    """AWS responded, but did not show the object: not yet, or not any more."""


@dataclass(frozen=True, kw_only=True)
class ObservedAgent:
    """The SSM agent of an instance."""

    online: bool
    last_ping_at: datetime


class CommandStatus(StrEnum):
    """Status of a command on one instance."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ObservedCommand:
    """A command on one instance.

    :param status_details: as SSM calls it, for example DeliveryTimedOut
    """

    command_id: str
    status: CommandStatus
    status_details: str
    steps: tuple[StepOutput, ...]


@dataclass(frozen=True, kw_only=True)
class ObservedMoveImage:
    """An image of a move, as EC2 shows it.

    :param state: pending, available, failed or another state of EC2
    """

    ami_id: str
    state: str
    failure_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class MoveObservation:
    """The facts that AWS shows of a move. A fact that the step does not need is NotVisible or empty.

    :param image: that of the present step
    :param former_state: of the former EC2 instance during the launch; None: EC2 does not know it
    :param obsolete_state: of the obsolete EC2 instance; None: EC2 does not know it
    :param obsolete_launched_at: its last start, if it is a former instance; None: EC2 does not know it
    :param obsolete_request: its spot request
    :param leftover_count: number of images and snapshots of the move
    """

    image: ObservedMoveImage | NotVisible | Unavailable = NotVisible()
    former_state: Ec2State | Unavailable | None = Unavailable("not requested")
    obsolete_state: Ec2State | Unavailable | None = Unavailable("not requested")
    obsolete_launched_at: datetime | Unavailable | None = None
    obsolete_request: ObservedSpotRequest | NotVisible | Unavailable = NotVisible()
    leftover_count: int | Unavailable = Unavailable("not requested")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything that was observed of one instance at one time. What was not requested is NotVisible or None.

    :param heartbeat_response: the response that the instance can read now; NotVisible: it has no heartbeat item
    :param move: of a move in progress
    :param scheduled_event: an event that AWS has scheduled for the EC2 instance
    :param spot_request: the spot request of the EC2 instance
    :param quotas: those of a launch which may wait for one of them, that of its first offer at the beginning
    :param start_outlook: sentences about a start after a stop, for a new stop warning; empty: nothing is known
    """

    ec2: ObservedInstance | TagsMissing | NotVisible | Unavailable
    agent: ObservedAgent | NotVisible | Unavailable = NotVisible()
    command: ObservedCommand | NotVisible | Unavailable = NotVisible()
    heartbeat: DecodedHeartbeat = None
    heartbeat_response: HeartbeatResponse | NotVisible | None = NotVisible()
    scheduled_event: ScheduledEvent | NotVisible | Unavailable = Unavailable("not requested")
    move: MoveObservation = MoveObservation()
    spot_request: ObservedSpotRequest | NotVisible | Unavailable = Unavailable("not requested")
    quotas: tuple[ObservedQuota, ...] = ()
    start_outlook: str = ""
