"""Body and views of images."""

from datetime import datetime
from decimal import Decimal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import ImagePhaseText
from chalicelib.api.common_views import ReasonView, WriteWarningView, format_decimal, to_reason_view
from chalicelib.api.instances.spec_views import AddedRecipeView, ParameterView, to_added_recipe_views
from chalicelib.api.request_models import RequestModel
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.images.record import Image, compute_price_per_month
from chalicelib.domain.instances.names import NAME_DESCRIPTION


class ImageBody(RequestModel):
    """A new image. By default the instance reboots, so that the file system in the image is consistent.

    With `no_reboot`, nothing on the instance ends, but the file system in the image may be inconsistent.
    """

    name: str = Field(description=f"{NAME_DESCRIPTION}, e.g. vision-2030")
    description: str = Field(
        "", max_length=200, pattern=r"^[ -~]*$", description="a text of at most 200 printable ASCII characters"
    )
    no_reboot: bool = Field(False, description="true or false")


class InstalledDocumentView(TypedDict):
    """A document that is installed in the image. A launch from the image skips it unless it has changed.

    `seconds`: the duration of its setup, which a launch from the image saves.
    """

    document: str
    seconds: int


class ImageView(TypedDict):
    """An image of an instance's disk: an AMI and its snapshots.

    `price_per_month`: the most that the snapshots can cost; AWS bills only blocks with data. `secrets_removed`: the
    ssh host keys and Jupyter's token are currently removed from the disk of the source instance.
    """

    id: str
    name: str
    description: str
    owner: str
    phase: ImagePhaseText
    reason: ReasonView
    progress: int
    secrets_removed: bool
    recipe: str
    parameters: dict[str, ParameterView]
    added_recipes: list[AddedRecipeView]
    region: str
    arch: str
    size_gib: int
    price_per_month: str
    no_reboot: bool
    ami_id: str | None
    snapshots: list[str]
    instance: str
    installed_documents: list[InstalledDocumentView]
    created_at: str
    created_by: str
    age_days: int


class ImageWithWarningsView(ImageView):
    """The image after a write, with remarks on the write."""

    warnings: list[WriteWarningView]


def to_image_view(image: Image, price_per_gib_month: Decimal, now: datetime) -> ImageView:
    """Return the view of an image.

    :param price_per_gib_month: what a GiB of snapshot costs in the region of the image
    """
    return {
        "id": image.id,
        "name": image.name,
        "description": image.description,
        "owner": image.owner,
        "phase": str(image.phase),
        "reason": to_reason_view(image.reason),
        "progress": image.ami.progress,
        "secrets_removed": image.secrets_removed,
        "recipe": image.recipe,
        "parameters": dict(image.parameters),
        "added_recipes": to_added_recipe_views(image.added_recipes),
        "region": image.region,
        "arch": image.source.arch,
        "size_gib": image.disk_gib,
        "price_per_month": format_decimal(compute_price_per_month(image, price_per_gib_month)),
        "no_reboot": image.no_reboot,
        "ami_id": image.ami.id,
        "snapshots": list(image.ami.snapshots),
        "instance": image.source.instance_name,
        "installed_documents": [
            {"document": document.name, "seconds": document.seconds} for document in image.installed_documents
        ],
        "created_at": format_timestamp(image.created_at),
        "created_by": image.created_by,
        "age_days": (now - image.created_at).days,
    }
