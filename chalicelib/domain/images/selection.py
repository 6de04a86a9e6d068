"""Selection of an image for a launch: the image that a request refers to, its content, and where it can be launched."""

from collections.abc import Iterable, Mapping

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.names import NAME_DESCRIPTION, is_valid_name
from chalicelib.domain.setup.installed_documents import hash_recipe_document
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument

LATEST = "latest"
"""Value of `image` in a launch request that selects the newest image that fits."""

IMAGE_ID_PREFIX = "gi-"

HEARTBEAT_KEY_PLACEHOLDER = "${heartbeat_key}"
"""Placeholder that has a different value on each instance."""


def find_image_name_problem(name: str) -> str | None:
    """Return why a person may not give an image this name, without a subject; None if it is valid.

    A name must differ from every id and from `LATEST`, because a launch request has one field for all of them.
    """
    if name == LATEST:
        return f"must not be {LATEST}: a launch with image {LATEST} uses the newest image that fits"
    if name.startswith(IMAGE_ID_PREFIX):
        return f"must not start with {IMAGE_ID_PREFIX}, as the ids of images do"
    return None if is_valid_name(name) else f"{name[:60]!r} is invalid: must be {NAME_DESCRIPTION}"


def list_candidates(ref: str, images: Iterable[Image], owner: str | None) -> list[Image]:
    """Return the image with an id, or else those with a name, newest first: of the owner, or else of anybody.

    A failed image is found by its id only.

    :param images: those that the caller may see
    """
    visible = tuple(images)
    with_id = [image for image in visible if image.id == ref]
    named = [image for image in visible if image.name == ref and image.phase is not ImagePhase.FAILED]
    own = [image for image in named if image.owner == owner]
    return sorted(with_id or own or named, key=lambda image: image.created_at, reverse=True)


def select_latest(images: Iterable[Image]) -> Image | None:
    """Return the image that was requested last; None if there is none."""
    return max(images, key=lambda image: image.created_at, default=None)


def contains_recipe(image: Image, recipe: Recipe, requested: Mapping[str, ParameterValue]) -> bool:
    """Return whether the image contains every document of a recipe, as the recipe is defined now.

    :param requested: parameters of the launch request. Other parameters have the values of the image.
    """
    if image.recipe != recipe.name:
        return False
    values, _ = resolve_values(requested, recipe.parameters, image.get_parameters(recipe.name))
    installed = {(document.name, document.recipe_hash) for document in image.installed_documents}
    documents = recipe.fill_documents(values)
    return all((document.name, hash_recipe_document(document)) in installed for document in documents)


def find_skippable_documents(image: Image, documents: Iterable[RecipeDocument]) -> Mapping[str, int]:
    """Return the documents that a launch can skip, with the seconds that this saves.

    The probe is never skipped: it sends the heartbeat of its own instance. If a document runs with other parameters
    than in the image, it changes what is installed, so its later runs are not skipped either.

    :param documents: the documents of the launch, in their order
    """
    installed = {document.name: document for document in image.installed_documents}
    seconds: dict[str, int] = {}
    for document in documents:
        match = installed.get(document.name)
        has_heartbeat_key = any(HEARTBEAT_KEY_PLACEHOLDER in text for text in document.parameters.values())
        if match and match.recipe_hash == hash_recipe_document(document) and not has_heartbeat_key:
            seconds[document.name] = match.seconds
        else:
            installed.pop(document.name, None)
    return seconds


def find_launch_incompatibility(
    image: Image, instance_type: InstanceType, region: str, disk_gib: int | None, base_image_parameter: str | None
) -> str | None:
    """Return why an instance type cannot be launched from the image, as a clause; None if it can.

    :param disk_gib: requested disk size; None: the size of the image
    :param base_image_parameter: public SSM parameter of the image that the launch would use without this image
    """
    name, arch = f"image {image.name}", image.source.arch
    if image.phase is not ImagePhase.AVAILABLE:
        return f"{name} is {image.phase}, not available. {image.reason.message}"
    if image.region != region:
        return f"{name} is in {image.region}, not in {region}"
    if arch != instance_type.arch:
        return f"{name} is for {arch}, and {instance_type.name} is {instance_type.arch}"
    if instance_type.nvidia_gpu_count and image.source.base_image_parameter != base_image_parameter:
        return f"{name} does not contain the driver of {instance_type.name}: it has another base image"
    if disk_gib is not None and disk_gib < image.disk_gib:
        return f"{name} requires a disk of at least {image.disk_gib} GiB, not {disk_gib}"
    return None
