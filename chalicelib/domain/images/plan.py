"""What is seen of an image, what can be done about it, and what becomes of that: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.observation import NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.instances.plan import CallAccepted

IMAGE_DOCUMENT = "gpudesk-image"


@dataclass(frozen=True, kw_only=True)
class ObservedAmi:
    """What EC2 shows of an AMI.

    :param progress: percent, of all its snapshots
    :param snapshot_taken: every disk has its snapshot, if only a pending one: what is written from now on is not in it.
        https://docs.aws.amazon.com/ebs/latest/userguide/ebs-create-snapshot.html
    """

    ami_id: str
    state: str
    snapshots: tuple[str, ...]
    size_gib: int
    failure_reason: str = ""
    progress: int = 0
    snapshot_taken: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageObservation:
    """One look.

    :param snapshots: that carry its tag, with or without an AMI
    :param command: the one that is waited for: that seals, or that unseals
    :param instance_running: whether the instance is there and runs, as its own record has it
    """

    ami: ObservedAmi | NotVisible | Unavailable
    snapshots: tuple[str, ...] | Unavailable = ()
    command: ObservedCommand | NotVisible | Unavailable = NotVisible()
    instance_running: bool = True


class SanitizeAction(StrEnum):
    """Parameter `action` of the image document."""

    REMOVE = "remove"
    RESTORE = "restore"


@dataclass(frozen=True)
class SendSanitize:
    """Send the document that removes the secrets from the disk of the instance, or restores them."""

    action: SanitizeAction
    attempt_id: str

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the document."""
        return {"attemptId": self.attempt_id, "action": str(self.action)}


@dataclass(frozen=True)
class CreateImage:
    """CreateImage, under the name that is the record's alone."""


@dataclass(frozen=True)
class Deregister:
    """DeregisterImage."""

    ami_id: str


@dataclass(frozen=True)
class DeleteSnapshots:
    """DeleteSnapshot of each."""

    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class AmiCreated:
    """CreateImage gave an AMI."""

    ami_id: str


@dataclass(frozen=True)
class SanitizeCommandSent:
    """SSM took the command."""

    command_id: str


ImageStep = SendSanitize | CreateImage | Deregister | DeleteSnapshots
ImageOutcome = AmiCreated | SanitizeCommandSent | CallAccepted | AwsError


@dataclass(frozen=True)
class ImagePlan:
    """The image as it is to be written, then at most one call."""

    image: Image
    step: ImageStep | None = None
