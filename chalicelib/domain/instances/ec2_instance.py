"""The EC2 instance behind a record, with its state and its scheduled events, in EC2's own terms."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.catalog.market import Market


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


ENDED_STATES = (Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED)
QUOTA_STATES = (Ec2State.PENDING, Ec2State.RUNNING)
"""States in which an instance counts towards a quota in vCPUs."""
STARTED_STATES = (Ec2State.PENDING, Ec2State.RUNNING, Ec2State.STOPPING)
"""States of an instance that was started and is not stopped yet."""

MAX_REASON_LENGTH = 300


class EndCause(StrEnum):
    """Cause of a stop or an end, as far as gpudesk acts on it. `aws/state_reasons.py` translates EC2's codes."""

    CALL = "call"
    """A call of StopInstances or TerminateInstances, whoever made it."""
    OTHER_REQUEST = "other_request"
    """A shutdown from inside, a hibernation, or an end that AWS had scheduled."""
    ZONE = "zone"
    """A cause that other zones need not have: no capacity, or an internal error of EC2."""
    KMS_KEY = "kms_key"
    QUOTA = "quota"
    SNAPSHOT = "snapshot"
    SPOT = "spot"
    """EC2 interrupted a spot instance."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class StateReason:
    """The reason that EC2 gives for a stop or an end.

    :param code: for example Client.InternalError:
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
    :param cause: what the code means
    :param message: it often begins with the code
    :param transition: StateTransitionReason, for example "User initiated (2026-01-05 09:00:00 GMT)"; it may be empty
    """

    code: str
    cause: EndCause = EndCause.UNKNOWN
    message: str = ""
    transition: str = ""

    @property
    def is_capacity(self) -> bool:
        """Return whether EC2 ended a launch or start, which it had accepted, for lack of capacity."""
        return self.code.endswith("InsufficientInstanceCapacity")

    @property
    def text(self) -> str:
        """The reason as a sentence with AWS's own words."""
        said = self.message if self.message.startswith(self.code) else f"{self.code}: {self.message}".rstrip(": ")
        more = f" ({self.transition})" if self.transition and self.transition not in said else ""
        return f"EC2 gives the reason {f'{said}{more}'[:MAX_REASON_LENGTH].rstrip('. ')}."


@dataclass(frozen=True, kw_only=True)
class Ec2Instance:
    """The EC2 instance behind a record, as last observed.

    :param state_reason: why it stopped or ended; None while it is pending or runs, or if EC2 gives no reason
    :param image_arch: the architecture of its AMI, as EC2 calls it; None: unknown
    :param market: how EC2 sells it
    :param spot_instance_request_id: the request that EC2 keeps for it; None: on-demand, or EC2 does not show it yet
    :param has_profile: it has an instance profile; one that gpudesk launched always has
    """

    instance_id: str
    zone: str
    state: Ec2State
    launched_at: datetime
    state_reason: StateReason | None = None
    image_arch: str | None = None
    market: Market = Market.ON_DEMAND
    spot_instance_request_id: str | None = None
    has_profile: bool = True

    @property
    def reason_text(self) -> str:
        """The reason for a stop or an end as a sentence after a space; empty without a reason."""
        return f" {self.state_reason.text}" if self.state_reason else ""

    @property
    def unexpected_reason_text(self) -> str:
        """Empty if a call of StopInstances or TerminateInstances is the reason, else `reason_text`."""
        is_expected = self.state_reason is not None and self.state_reason.cause is EndCause.CALL
        return "" if is_expected else self.reason_text


@dataclass(frozen=True, kw_only=True)
class ScheduledEvent:
    """An event that AWS has scheduled for an EC2 instance.

    :param code: instance-retirement, instance-stop, instance-reboot, system-reboot, system-maintenance
    """

    id: str
    code: str
    not_before: datetime
    description: str


@dataclass(frozen=True, kw_only=True)
class AttachedDisks:
    """The volumes that are attached to an EC2 instance.

    :param size_gib: their total size
    :param are_priced: all of them are of the type whose price is known
    """

    size_gib: int
    are_priced: bool
