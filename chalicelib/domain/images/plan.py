"""Observation of an image, the AWS calls that a decision can make, and their outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.observation import NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.instances.outcome import CallAccepted

IMAGE_DOCUMENT = "gpudesk-image"
"""SSM document that removes the secrets from the disk of an instance, or restores them."""


@dataclass(frozen=True, kw_only=True)
class ObservedAmi:
    """An AMI in EC2.

    :param snapshots: ids of its snapshots
    :param progress: percent, over all snapshots
    :param has_snapshot: every disk has a snapshot, at least a pending one. What is written to the disk from now on is
        not in it. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-create-snapshot.html
    """

    ami_id: str
    state: str
    snapshots: tuple[str, ...]
    size_gib: int
    failure_reason: str = ""
    progress: int = 0
    has_snapshot: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageObservation:
    """AWS's state of everything that belongs to an image.

    :param snapshots: ids of the snapshots with the tag of the image, with or without an AMI
    :param command: the command that removes or restores the secrets, whichever was sent last
    :param is_instance_running: whether the instance is running, according to its record
    """

    ami: ObservedAmi | NotVisible | Unavailable
    snapshots: tuple[str, ...] | Unavailable = ()
    command: ObservedCommand | NotVisible | Unavailable = NotVisible()
    is_instance_running: bool = True


class SecretsAction(StrEnum):
    """Action of IMAGE_DOCUMENT on the secrets: its parameter `action`."""

    REMOVE = "remove"
    RESTORE = "restore"


@dataclass(frozen=True)
class SendImageDocument:
    """Send IMAGE_DOCUMENT to the instance."""

    action: SecretsAction
    attempt_id: str

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameters of the document."""
        return {"attemptId": self.attempt_id, "action": str(self.action)}


@dataclass(frozen=True)
class CreateImage:
    """Call CreateImage. The name of the AMI is unique, so EC2 rejects a second call."""


@dataclass(frozen=True)
class Deregister:
    """Call DeregisterImage."""

    ami_id: str


@dataclass(frozen=True)
class DeleteSnapshots:
    """Call DeleteSnapshot for each snapshot."""

    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class AmiCreated:
    """CreateImage returned the id of an AMI."""

    ami_id: str


@dataclass(frozen=True)
class ImageDocumentSent:
    """SSM accepted the command."""

    command_id: str


ImageStep = SendImageDocument | CreateImage | Deregister | DeleteSnapshots
ImageOutcome = AmiCreated | ImageDocumentSent | CallAccepted | AwsError


@dataclass(frozen=True)
class ImagePlan:
    """Decision about an image: the record to write, then at most one call."""

    image: Image
    step: ImageStep | None = None
