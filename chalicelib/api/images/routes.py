"""/images: create images of instances, list them with their price, delete them with their snapshots."""

from typing_extensions import TypedDict

from chalicelib.api.common_schemas import EmptyModel
from chalicelib.api.forms.queries import OwnerQuery, PageQuery
from chalicelib.api.instances.bodies import ImageBody
from chalicelib.api.instances.views import AddedRecipeView, ParameterView, to_added_view
from chalicelib.api.pagination import to_page_view
from chalicelib.api.routing import RequestContext, Router
from chalicelib.api.views.values import (
    PageView,
    ReasonView,
    WriteWarningView,
    format_usd,
    to_reason_view,
    to_warnings_view,
)
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.desk.settings import paused_warning
from chalicelib.domain.images.record import Image, price_per_month

router = Router()


class InstalledDocumentView(TypedDict):
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
    installed_documents: list[InstalledDocumentView]
    created_at: str
    created_by: str
    age_days: int


class ImageWithWarningsView(ImageView):
    """The image after a write, and what to know about the write."""

    warnings: list[WriteWarningView]


@router.route(
    "POST",
    "/instances/{name}/images",
    takes=ImageBody,
    asks=OwnerQuery,
    gives=ImageWithWarningsView,
    status=202,
    located="images",
)
def create_image(call: RequestContext[ImageBody, OwnerQuery]) -> ImageWithWarningsView:
    """Create an image of the instance, including its home directory."""
    asked = call.body
    wished = call.app.images.create(
        call.actor, call.path_ref, name=asked.name, description=asked.description, no_reboot=asked.no_reboot
    )
    return {**_view(call, wished.image), "warnings": to_warnings_view(*wished.warnings)}


@router.route("GET", "/images", takes=EmptyModel, asks=PageQuery, gives=PageView[ImageView])
def list_images(call: RequestContext[EmptyModel, PageQuery]) -> PageView[ImageView]:
    """List images, newest first: the caller's own; for admins all, or those of one owner."""
    query = call.query
    page = call.app.images.list_images(call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, lambda image: _view(call, image))


@router.route("GET", "/images/{image}", takes=EmptyModel, asks=OwnerQuery, gives=ImageView)
def show_image(call: RequestContext[EmptyModel, OwnerQuery]) -> ImageView:
    """Return an image by its id or name."""
    return _view(call, call.app.images.get(call.actor, call.path_ref))


@router.route(
    "DELETE",
    "/images/{image}",
    takes=EmptyModel,
    asks=OwnerQuery,
    gives=ImageWithWarningsView,
    status=202,
    located="images",
)
def delete_image(call: RequestContext[EmptyModel, OwnerQuery]) -> ImageWithWarningsView:
    """Delete the image and its snapshots."""
    image = call.app.images.delete(call.actor, call.path_ref)
    mode = call.app.desk.settings().mode
    return {**_view(call, image), "warnings": to_warnings_view(paused_warning(mode, "deletion"))}


def _view(
    call: RequestContext[ImageBody, OwnerQuery]
    | RequestContext[EmptyModel, OwnerQuery]
    | RequestContext[EmptyModel, PageQuery],
    image: Image,
) -> ImageView:
    price = call.app.images.catalog.snapshot_price_per_gib_month(image.region)
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
        "added_recipes": to_added_view(image.added_recipes),
        "region": image.region,
        "arch": image.source.arch,
        "size_gib": image.disk_gib,
        "price_per_month": format_usd(price_per_month(image, price)),
        "no_reboot": image.no_reboot,
        "ami_id": image.ami.id,
        "snapshots": list(image.ami.snapshots),
        "instance": image.source.instance_name,
        "installed_documents": [
            {"document": installed_document.name, "seconds": installed_document.seconds}
            for installed_document in image.installed_documents
        ],
        "created_at": format_timestamp(image.created_at),
        "created_by": image.created_by,
        "age_days": (call.app.clock.now() - image.created_at).days,
    }
