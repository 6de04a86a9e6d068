"""Images made of instances: what is remembered of one, whom it fits, and what it costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.deadlines import RESTORE_DEADLINE
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument
from chalicelib.domain.setup.state import AddedRecipe, DocumentRun

DESCRIPTION_CHARACTERS = 200
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


HEARTBEAT_KEY_PLACEHOLDER = "${heartbeat_key}"
LATEST = "latest"

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


def contains_recipe(image: Image, recipe: Recipe) -> bool:
    """Whether the image has all that the recipe installs, as the recipe is today."""
    have = {
        (installed_document.name, installed_document.recipe_hash) for installed_document in image.installed_documents
    }
    return image.recipe == recipe.name and all(
        (use.name, hash_recipe_document(use)) in have for use in recipe.documents
    )


def skippable_documents(image: Image, documents: Iterable[RecipeDocument]) -> Mapping[str, int]:
    """Seconds by document: what of these a launch need not run, if they are the same still.

    The probe runs on every machine: whose heartbeat it sends is another one on each. What has run otherwise meanwhile
    runs again, too.
    """
    known = {installed_document.name: installed_document for installed_document in image.installed_documents}
    seconds: dict[str, int] = {}
    for use in documents:
        baked = known.get(use.name)
        is_own = any(HEARTBEAT_KEY_PLACEHOLDER in text for text in use.parameters.values())
        if baked and baked.recipe_hash == hash_recipe_document(use) and not is_own:
            seconds[use.name] = baked.seconds
        else:
            known.pop(use.name, None)
    return seconds


def launch_incompatibility(
    image: Image, instance_type: InstanceType, region: str, disk_gib: int | None, base: str | None
) -> str | None:
    """Why a machine of this type cannot come of the image; None where it can.

    :param base: the public parameter of the image that the recipe would be launched from otherwise
    """
    if image.phase is not ImagePhase.AVAILABLE:
        return f"{image.name} is {image.phase}: {image.reason.message}"
    if image.region != region:
        return f"{image.name} is in {image.region}, not in {region}: an image launches in its own region"
    if image.source.arch != instance_type.arch:
        return f"{image.name} is of {image.source.arch}, a {instance_type.name} is of {instance_type.arch}"
    if instance_type.nvidia_gpu_count and image.source.base_image_parameter != base:
        return f"{image.name} has not the driver of a {instance_type.name}: it was made from another base image"
    if disk_gib is not None and disk_gib < image.disk_gib:
        return f"{image.name} needs a disk of at least {image.disk_gib} GiB, not {disk_gib}"
    return None


def find_by_ref(ref: str, images: Iterable[Image], owner: str | None) -> Image | None:
    """By id, or the newest of the owner's of that name that has not failed: whose disk boots is no matter of a name."""
    return latest(
        image
        for image in images
        if ref == image.id or (ref == image.name and image.owner == owner and image.phase is not ImagePhase.FAILED)
    )


def latest(images: Iterable[Image]) -> Image | None:
    """The one that was asked for last."""
    return max(images, key=lambda image: image.created_at, default=None)


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
