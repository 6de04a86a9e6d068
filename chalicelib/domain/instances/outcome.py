"""The outcomes of the AWS calls of a plan. Anything else that AWS answers is an `AwsError`."""

from dataclasses import dataclass

from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import LaunchOffer, OffersAboveMaximum
from chalicelib.domain.instances.spec import Hardware


@dataclass(frozen=True)
class LaunchResolved:
    """Outcome: the launch request is complete.

    :param hardware: that of the type of the attempt
    :param rates: the prices of the attempt
    :param next_offer: what is tried after it if nothing else changes; None: nothing is left
    :param is_new_round: the launch has tried each offer once, and begins again with this one
    :param above_maximum: the offers that are not tried for their price; None: there are none
    """

    attempt: LaunchAttempt
    hardware: Hardware
    rates: Rates
    next_offer: LaunchOffer | None = None
    is_new_round: bool = False
    above_maximum: OffersAboveMaximum | None = None


class NoOfferLeft(InsufficientCapacity):
    """Outcome: no offer is left in this pass. gpudesk made no call.

    :param above_maximum: the offers that are not tried for their price; None: there are none
    """

    def __init__(self, name: str, above_maximum: OffersAboveMaximum | None = None) -> None:
        super().__init__("NoOfferLeft", f"No offer for {name} has capacity now")
        self.above_maximum = above_maximum


@dataclass(frozen=True)
class InstanceLaunched:
    """Outcome: RunInstances returned an instance, launched by this call or by an earlier one with the same token."""

    ec2_instance: Ec2Instance


@dataclass(frozen=True)
class CommandSent:
    """Outcome: SSM accepted the command.

    :param document_hash: SSM's hash of the document
    """

    command_id: str
    document_hash: str | None = None


@dataclass(frozen=True)
class DocumentAlreadyInstalled:
    """Outcome: SSM still has the version of the document that the image contains; nothing was sent."""

    document_hash: str


@dataclass(frozen=True)
class CallAccepted:
    """Outcome: AWS accepted the call. The next observation shows the effect."""


@dataclass(frozen=True)
class NoLongerIdle:
    """Outcome: the heartbeat, read once more after the claim, shows no idle instance; AWS was not called."""

    reason: Reason


Outcome = (
    LaunchResolved | InstanceLaunched | CommandSent | DocumentAlreadyInstalled | CallAccepted | NoLongerIdle | AwsError
)
