"""/images: create images of instances, list them with their price, delete them with their snapshots."""

from chalicelib.api.common_views import PageView, to_warnings_view
from chalicelib.api.images.schemas import ImageBody, ImageView, ImageWithWarningsView, to_image_view
from chalicelib.api.pagination import to_page_view
from chalicelib.api.parameters import IMAGE_REF, INSTANCE_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery, PageQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.control.application import Application
from chalicelib.domain.desk.settings import build_paused_warning
from chalicelib.domain.images.record import Image

router = Router("images", "Create images of instances, to launch new instances from them.")


@router.route(
    Endpoint("POST", "/instances/{name}/images", INSTANCE_REF, status=202, location="images"),
)
def create_image(call: RequestContext[ImageBody, OwnerQuery]) -> ImageWithWarningsView:
    """Create an image of the instance, including its home directory.

    gpudesk creates the image afterwards; GET /images/{image} shows the progress. `warnings` says what the
    creation interrupts on the instance.
    """
    body = call.body
    created = call.app.images.create(
        call.actor, call.path_ref, name=body.name, description=body.description, no_reboot=body.no_reboot
    )
    return {**_to_view(call.app, created.image), "warnings": to_warnings_view(*created.warnings)}


@router.route(Endpoint("GET", "/images"))
def list_images(call: RequestContext[EmptyModel, PageQuery]) -> PageView[ImageView]:
    """List images, newest first. Users get their own; admins get all, or those of one owner."""
    query = call.query
    page = call.app.images.list_images(call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, lambda image: _to_view(call.app, image))


@router.route(Endpoint("GET", "/images/{image}", IMAGE_REF))
def show_image(call: RequestContext[EmptyModel, OwnerQuery]) -> ImageView:
    """Return an image by its id, or by its name if it is unique."""
    return _to_view(call.app, call.app.images.get(call.actor, call.path_ref))


@router.route(
    Endpoint("DELETE", "/images/{image}", IMAGE_REF, status=202, location="images"),
)
def delete_image(call: RequestContext[EmptyModel, OwnerQuery]) -> ImageWithWarningsView:
    """Delete the image and its snapshots.

    gpudesk calls EC2 afterwards; GET /images/{image} shows the progress.
    """
    image = call.app.images.delete(call.actor, call.path_ref)
    mode = call.app.desk.get_settings().mode
    return {**_to_view(call.app, image), "warnings": to_warnings_view(build_paused_warning(mode, "deletion"))}


def _to_view(app: Application, image: Image) -> ImageView:
    price = app.images.catalog.get_snapshot_price_per_gib_month(image.region)
    return to_image_view(image, price, app.clock.now())
