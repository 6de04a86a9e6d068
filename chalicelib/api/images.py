"""/images: create images of instances, list them with their price, delete them with their snapshots."""

from typing_extensions import TypedDict

from chalicelib.api.forms.base import Nothing
from chalicelib.api.forms.instances import ImageForm
from chalicelib.api.forms.queries import Asking, Listing
from chalicelib.api.routes import Call, Routes
from chalicelib.api.views.instance import AddedRecipeView, ParameterView, added_view
from chalicelib.api.views.values import Page, ReasonView, WriteWarningView, dollars, moment, reason_view, warnings_view
from chalicelib.domain.desk import paused_warning
from chalicelib.domain.images import Image, price_per_month

routes = Routes()


class BakedView(TypedDict):
    """A document that is installed in the image: a launch from it skips the document while it is unchanged."""

    document: str
    seconds: int


class ImageView(TypedDict):
    """An image. `price_per_month`: the maximum that its snapshots cost, since AWS bills only blocks with data.

    `secrets_removed`: the ssh host keys and Jupyter's token are removed from the disk of the source instance.
    """

    id: str
    name: str
    description: str
    owner: str
    phase: str
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
    installed_documents: list[BakedView]
    created_at: str
    created_by: str
    age_days: int


class ImageWithWarningsView(ImageView):
    """The image after a write, and what to know about the write."""

    warnings: list[WriteWarningView]


@routes.add(
    "POST",
    "/instances/{name}/images",
    takes=ImageForm,
    asks=Asking,
    gives=ImageWithWarningsView,
    status=202,
    located="images",
)
def make_image(call: Call[ImageForm, Asking]) -> ImageWithWarningsView:
    """Create an image of the instance, including its home directory."""
    asked = call.body
    wished = call.desk.requests.images.make(
        call.actor, call.ref, name=asked.name, description=asked.description, no_reboot=asked.no_reboot
    )
    return {**_view(call, wished.image), "warnings": warnings_view(*wished.warnings)}


@routes.add("GET", "/images", takes=Nothing, asks=Listing, gives=Page[ImageView])
def list_images(call: Call[Nothing, Listing]) -> Page[ImageView]:
    """List images, newest first: the caller's own; for admins all, or those of one owner."""
    query = call.query
    images, cursor = call.desk.requests.images.list_images(
        call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor
    )
    return {"items": [_view(call, each) for each in images], "next_cursor": cursor}


@routes.add("GET", "/images/{image}", takes=Nothing, asks=Asking, gives=ImageView)
def show_image(call: Call[Nothing, Asking]) -> ImageView:
    """Return an image by its id or name."""
    return _view(call, call.desk.requests.images.show(call.actor, call.ref))


@routes.add(
    "DELETE", "/images/{image}", takes=Nothing, asks=Asking, gives=ImageWithWarningsView, status=202, located="images"
)
def delete_image(call: Call[Nothing, Asking]) -> ImageWithWarningsView:
    """Delete the image and its snapshots."""
    image = call.desk.requests.images.delete(call.actor, call.ref)
    mode = call.desk.requests.administration.settings().mode
    return {**_view(call, image), "warnings": warnings_view(paused_warning(mode, "deletion"))}


def _view(call: Call[ImageForm, Asking] | Call[Nothing, Asking] | Call[Nothing, Listing], image: Image) -> ImageView:
    price = call.desk.requests.images.catalogue.snapshot_price_per_gib_month(image.region)
    return {
        "id": image.id,
        "name": image.name,
        "description": image.description,
        "owner": image.owner,
        "phase": str(image.phase),
        "reason": reason_view(image.reason),
        "progress": image.progress,
        "secrets_removed": image.is_sealed,
        "recipe": image.recipe,
        "parameters": dict(image.parameters),
        "added_recipes": added_view(image.added),
        "region": image.region,
        "arch": image.arch,
        "size_gib": image.disk_gib,
        "price_per_month": dollars(price_per_month(image, price)),
        "no_reboot": image.no_reboot,
        "ami_id": image.ami_id,
        "snapshots": list(image.snapshots),
        "instance": image.instance_name,
        "installed_documents": [{"document": each.name, "seconds": each.seconds} for each in image.baked],
        "created_at": moment(image.created_at),
        "created_by": image.created_by,
        "age_days": (call.desk.clock.now() - image.created_at).days,
    }
