"""What is seen of an image, what can be done about it, and what becomes of that: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.errors import CloudError
from chalicelib.domain.images import Image
from chalicelib.domain.observation import Absent, CommandView, Unobserved

DOCUMENT = "gpudesk-image"


@dataclass(frozen=True, kw_only=True)
class AmiView:
    """What EC2 shows of an AMI.

    :param progress: percent, of all its snapshots
    :param is_taken: every disk has its snapshot, if only a pending one: what is written from now on is not in it.
        https://docs.aws.amazon.com/ebs/latest/userguide/ebs-create-snapshot.html
    """

    ami_id: str
    state: str
    snapshots: tuple[str, ...]
    size_gib: int
    why: str = ""
    progress: int = 0
    is_taken: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageSeen:
    """One look.

    :param snapshots: that carry its tag, with or without an AMI
    :param command: the one that is waited for: that seals, or that unseals
    :param runs: whether the instance is there and runs, as its own record has it
    """

    ami: AmiView | Absent | Unobserved
    snapshots: tuple[str, ...] | Unobserved = ()
    command: CommandView | Absent | Unobserved = Absent()
    runs: bool = True


@dataclass(frozen=True)
class SendSeal:
    """SendCommand of the document that seals or unseals."""

    parameters: Mapping[str, str]
    attempt_id: str


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
class Made:
    """CreateImage gave an AMI."""

    ami_id: str


@dataclass(frozen=True)
class SealSent:
    """SSM took the command."""

    command_id: str


@dataclass(frozen=True)
class Asked:
    """AWS acknowledged; whether it comes about is for the next look to see."""


ImageStep = SendSeal | CreateImage | Deregister | DeleteSnapshots
ImageOutcome = Made | SealSent | Asked | CloudError


@dataclass(frozen=True)
class ImagePlan:
    """The image as it is to be written, then at most one call."""

    image: Image
    step: ImageStep | None = None
