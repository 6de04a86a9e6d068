"""Images made of instances: what is remembered of one, whom it fits, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.deadlines import RESTORE_DEADLINE
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time
from chalicelib.domain.setup.installed_documents import InstalledDocument
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.state import AddedRecipe, DocumentRun

MAX_DESCRIPTION_LENGTH = 200
"""AWS takes 255; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html"""


class ImagePhase(StrEnum):
    """Where an image is."""

    REQUESTED = "requested"
    SANITIZING = "sanitizing"
    CREATING = "creating"
    PENDING = "pending"
    AVAILABLE = "available"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


TERMINAL_PHASES = frozenset({ImagePhase.AVAILABLE, ImagePhase.FAILED, ImagePhase.DELETED})

IN_PROGRESS_PHASES = frozenset({ImagePhase.REQUESTED, ImagePhase.SANITIZING, ImagePhase.CREATING, ImagePhase.PENDING})


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """The instance that the image is created from.

    :param base_image_parameter: public SSM parameter of the image that the instance was launched from, with its driver
    """

    instance_id: str
    instance_name: str
    ec2_instance_id: str
    base_image_parameter: str | None
    arch: str


@dataclass(frozen=True, kw_only=True)
class SanitizeState:
    """Removal of the secrets from the disk of the instance, and their restoration.

    :param run: the document that removes the secrets before the copy
    :param restore_run: the document that restores them, as last sent
    :param is_restored: the secrets are restored, or the instance made new ones, or it cannot be reached any more
    :param restore_reason: which of these
    """

    run: DocumentRun | None = None
    restore_run: DocumentRun | None = None
    is_restored: bool = False
    restore_reason: EventReason | None = None


@dataclass(frozen=True, kw_only=True)
class AmiState:
    """The AMI behind the image.

    :param snapshots: snapshots of the AMI; AWS bills them
    :param progress: percent
    """

    id: str | None = None
    snapshots: tuple[str, ...] = ()
    progress: int = 0


@dataclass(frozen=True, kw_only=True)
class Image:
    """The record of an image. Every change makes a new value; `version` guards the write of the store.

    :param parameters: the parameters of `recipe`
    :param added_recipes: recipes that were added to the instance and completely set up
    :param last_called_at: when EC2 was last called to create or delete the AMI
    """

    id: str
    name: str
    description: str
    owner: str
    created_by: str
    created_at: datetime
    source: ImageSource
    region: str
    recipe: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    added_recipes: tuple[AddedRecipe, ...] = ()
    disk_gib: int
    no_reboot: bool
    installed_documents: tuple[InstalledDocument, ...]
    phase: ImagePhase
    phase_since: datetime
    reason: EventReason
    sanitize: SanitizeState = SanitizeState()
    last_called_at: datetime | None = None
    ami: AmiState = AmiState()
    version: int | None = None

    def parameters_of(self, recipe: str) -> Mapping[str, ParameterValue]:
        """What was chosen there for a recipe; nothing for one that it has not."""
        if recipe == self.recipe:
            return self.parameters
        return next(
            (added_recipe.parameters for added_recipe in self.added_recipes if added_recipe.recipe == recipe), {}
        )

    @property
    def secrets_removed(self) -> bool:
        """Whether secrets of the instance are off its disk, or about to be."""
        return self.sanitize.run is not None and not self.sanitize.is_restored

    @property
    def needs_work(self) -> bool:
        """Whether the loop has something to do about it: the instance is owed its secrets, whatever became of it."""
        return self.secrets_removed or self.phase not in TERMINAL_PHASES


def ami_name(stage: str, image_id: str) -> str:
    """Unique in account and region, so that AWS itself refuses to make a second one of the same record."""
    return f"gpudesk-{stage}-{image_id}"


def secrets_removed_message(image: Image) -> str:
    """Why nobody gets in by what is off the disk, for how long, and what goes meanwhile."""
    then = "they are back" if image.no_reboot else "it reboots for that and has new ones"
    latest = image.created_at + RESTORE_DEADLINE
    return (
        f"{image.source.instance_name} is sealed for its image {image.name}: its ssh host keys and "
        f"Jupyter's token are off "
        f"its disk, so that they are not in the image. Once EC2 has taken the disk's snapshot {then}, as a rule within "
        f"minutes, at {format_time(latest)} at the latest; GET /images/{image.id} says whether it is sealed. A shell "
        "opens meanwhile"
    )


def price_per_month(image: Image, per_gib_month: Decimal) -> Decimal:
    """USD at most: AWS bills a snapshot for the blocks that hold something, which only its bill tells."""
    return (per_gib_month * image.disk_gib).quantize(Decimal("0.01"))
