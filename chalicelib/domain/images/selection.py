"""Selection of an image for a launch: which image is named, what it contains, and where it can be launched."""

from collections.abc import Iterable, Mapping

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.setup.installed_documents import hash_recipe_document
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument

HEARTBEAT_KEY_PLACEHOLDER = "${heartbeat_key}"


LATEST = "latest"


def contains_recipe(image: Image, recipe: Recipe, requested: Mapping[str, ParameterValue]) -> bool:
    """Whether the image has all that the recipe installs, as the recipe is today."""
    if image.recipe != recipe.name:
        return False
    values, _ = resolve_values(requested, recipe.parameters, image.parameters_of(recipe.name))
    installed = {(document.name, document.recipe_hash) for document in image.installed_documents}
    documents = recipe.fill_documents(values)
    return all((document.name, hash_recipe_document(document)) in installed for document in documents)


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
    return select_latest(
        image
        for image in images
        if ref == image.id or (ref == image.name and image.owner == owner and image.phase is not ImagePhase.FAILED)
    )


def select_latest(images: Iterable[Image]) -> Image | None:
    """The one that was asked for last."""
    return max(images, key=lambda image: image.created_at, default=None)
