"""Record of an image that is created from an instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.deadlines import RESTORE_DEADLINE
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.setup.installed_documents import InstalledDocument
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.state import AddedRecipe, DocumentRun, find_added_parameters

MAX_DESCRIPTION_LENGTH = 200
"""Characters of the description that are sent to AWS, which accepts 255. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html"""


class ImagePhase(StrEnum):
    """Phase of an image. `creation` contains the transitions."""

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

    :param base_image_parameter: public SSM parameter of the image that the instance was launched from, with its driver.
        None: gpudesk did not launch it, and launches no instance of its type
    """

    instance_id: str
    instance_name: str
    ec2_instance_id: str
    base_image_parameter: str | None = None
    arch: str


@dataclass(frozen=True, kw_only=True)
class SanitizeState:
    """Removal of the secrets from the disk of the instance, and their restoration.

    :param run: the document that removes the secrets before the copy
    :param restore_run: the document that restores them, as last sent
    :param is_restored: nothing is left to do: the secrets are restored, replaced by new ones, or gpudesk gave up
    :param restore_reason: which of the three happened, and why
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
    :param disk_gib: 0: unknown until the AMI is available, of an adopted instance
    :param last_called_at: when EC2 was last called to create or delete the AMI
    :param project: that of the instance; costs are summed by it
    :param gib_price_per_hour: of the snapshots, in US dollars, at the time of the request; None: not known
    :param billed_since: when the snapshots were complete; None: there are none yet
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
    project: str | None = None
    gib_price_per_hour: Decimal | None = None
    billed_since: datetime | None = None
    version: int | None = None

    def get_parameters(self, recipe: str) -> Mapping[str, ParameterValue]:
        """Return the parameters of a recipe in the image; empty if the image does not contain the recipe."""
        return self.parameters if recipe == self.recipe else find_added_parameters(self.added_recipes, recipe)

    @property
    def secrets_removed(self) -> bool:
        """Return whether the secrets are removed from the disk, or the command to remove them was sent."""
        return self.sanitize.run is not None and not self.sanitize.is_restored

    @property
    def needs_work(self) -> bool:
        """Return whether the image reconciler must process the image.

        An available or failed image needs work until the secrets of its instance are restored.
        """
        return self.secrets_removed or self.phase not in TERMINAL_PHASES


def build_ami_name(stage: str, image_id: str) -> str:
    """Return the name of the AMI. It is unique in account and region, so EC2 rejects a second AMI of the same image."""
    return f"gpudesk-{stage}-{image_id}"


def describe_removed_secrets(image: Image) -> str:
    """Return why sessions that need secrets are refused, until when, and which sessions work."""
    name = image.source.instance_name
    end = (
        "They are restored when EC2 has taken the snapshot of the disk, usually within minutes."
        if image.no_reboot
        else f"{name} reboots for the image and creates new ones, usually within minutes."
    )
    latest = format_date_time(image.created_at + RESTORE_DEADLINE)
    return (
        f"The ssh host keys and the Jupyter token of {name} are removed from its disk while image {image.name} is "
        f"created, so that the image does not contain them. {end} Then sessions of kind ssh, jupyter and jupyter_token "
        f"work again. If they are still refused at {latest}, GET /images/{image.id} says what to do. Kind shell works "
        "now."
    )


def compute_price_per_month(image: Image, per_gib_month: Decimal) -> Decimal:
    """Return the maximum price of the snapshots in US dollars.

    AWS bills a snapshot for the used blocks only, and their number is not known before the bill.
    """
    return (per_gib_month * image.disk_gib).quantize(Decimal("0.01"))
