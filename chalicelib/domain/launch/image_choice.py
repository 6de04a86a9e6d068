"""Choose the image of a launch request."""

from collections.abc import Iterable

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.accepted_values import MAX_NAMED
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.images.record import Image
from chalicelib.domain.images.selection import (
    contains_recipe,
    find_launch_incompatibility,
    list_candidates,
    select_latest,
)
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import TypeChoice


def find_requested_image(ref: str, images: Iterable[Image], actor: Actor) -> Image:
    """Return the image with this id, or else the newest image with this name, first among those of the caller.

    :param images: those that the caller may see
    :raises ValidationFailed: there is none, or only several other owners have one
    """
    candidates = list_candidates(ref, images, actor.effective_owner)
    if not candidates:
        message = f"you have no image {ref[:60]!r}; GET /images lists your images"
        raise ValidationFailed(f"You have no image {ref[:60]!r}.", errors=(FieldError("image", message),))
    if len({image.owner for image in candidates}) > 1:
        ids = ", ".join(f"{image.id} of {image.owner}" for image in candidates[:MAX_NAMED])
        message = f"several owners have an image {ref!r}: {ids}; send the id"
        raise ValidationFailed(
            f"Several owners have an image {ref!r}. Send the id.", errors=(FieldError("image", message),)
        )
    return candidates[0]


def find_latest_image(
    request: LaunchRequest, context: LaunchContext, choice: TypeChoice, images: Iterable[Image]
) -> Image | None:
    """Return the newest image that contains all documents of the recipe in their current version.

    Parameters that the request leaves out are those of the image.

    :param images: those of the owner
    :returns: None if there is no such image, or if the region, the type or the recipe of the request is invalid
    """
    recipe = context.recipes.get(request.recipe or context.settings.defaults.recipe)
    instance_type, region = choice.instance_type, choice.region
    if recipe is None or instance_type is None:
        return None
    base = recipe.get_image_parameter(instance_type)

    def is_suitable(image: Image) -> bool:
        return (
            contains_recipe(image, recipe, request.parameters)
            and find_launch_incompatibility(image, instance_type, region, request.disk_gib, base) is None
        )

    return select_latest(filter(is_suitable, images))
