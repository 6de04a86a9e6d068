"""Select what a launch consists of, and check the request as a whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.desk.policy_limits import resolve_default_policy, validate_policy
from chalicelib.domain.desk.policy_override import apply_override
from chalicelib.domain.images.record import Image
from chalicelib.domain.images.selection import LATEST, find_launch_incompatibility
from chalicelib.domain.instances.spec import Policy
from chalicelib.domain.launch.disk_size import DiskSize, choose_disk_size
from chalicelib.domain.launch.field_checks import check_fields
from chalicelib.domain.launch.offer_choice import check_offer_choice
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import TypeChoice
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, build_unknown_recipe_error
from chalicelib.domain.setup.requirements import suggest_types


@dataclass(frozen=True, kw_only=True)
class LaunchSelection:
    """The result of `select_launch`: every value is chosen and checked.

    :param snapshot_gib: size of the public image; None: it is unknown, or the image is an own one
    """

    region: str
    instance_type: InstanceType
    recipe: Recipe
    parameters: Mapping[str, ParameterValue]
    disk: DiskSize
    snapshot_gib: int | None
    policy: Policy


def select_launch(
    request: LaunchRequest, context: LaunchContext, choice: TypeChoice, image: Image | None
) -> LaunchSelection:
    """Choose what the request leaves out, and check everything.

    :raises ValidationFailed: names every wrong field
    """
    defaults, limits = context.settings.defaults, context.settings.limits
    recipe_name = request.recipe or (image.recipe if image else defaults.recipe)
    recipe = context.recipes.get(recipe_name)
    policy = _choose_policy(request, context)
    errors = [
        *choice.errors,
        *check_fields(request, limits),
        *validate_policy(policy.idle, policy.max_hours, limits),
    ]
    if recipe is None:
        raise build_validation_error([*errors, build_unknown_recipe_error(recipe_name, context.recipes)])
    inherited = image.get_parameters(recipe.name) if image else None
    parameters, parameter_errors = resolve_values(request.parameters, recipe.parameters, inherited)
    errors += parameter_errors
    errors += check_offer_choice(request, context, choice)
    if choice.instance_type:
        errors += _check_compatibility(request, context, choice, recipe, image)
    if not errors and request.image == LATEST and image is None:
        errors.append(_build_no_latest_image_error(choice, recipe))
    if errors or choice.instance_type is None:
        raise build_validation_error(errors)
    base_parameter = recipe.get_image_parameter(choice.instance_type)
    snapshot_gib = None if image else context.catalog.image_sizes.get(base_parameter or "")
    return LaunchSelection(
        region=choice.region,
        instance_type=choice.instance_type,
        recipe=recipe,
        parameters=parameters,
        disk=choose_disk_size(request.disk_gib, defaults.disk_gib, limits.disk_gib, image, snapshot_gib),
        snapshot_gib=snapshot_gib,
        policy=policy,
    )


def _choose_policy(request: LaunchRequest, context: LaunchContext) -> Policy:
    """Return the policy of the request over that of the owner over that of the desk."""
    defaults, limits = context.settings.defaults, context.settings.limits
    default = resolve_default_policy(context.owner_policy, defaults.idle_policy, defaults.max_hours, limits)
    idle, max_hours = apply_override(request.policy, *default)
    hook = request.policy.choose_hook(context.owner_policy.choose_hook(None))
    return Policy(idle=idle, max_hours=max_hours, before_stop_hook=hook)


def _check_compatibility(
    request: LaunchRequest, context: LaunchContext, choice: TypeChoice, recipe: Recipe, image: Image | None
) -> Iterator[FieldError]:
    """Yield why the recipe or the image cannot be used on the type."""
    instance_type, requirements = choice.instance_type, recipe.requirements
    if instance_type is None:
        return
    base = recipe.get_image_parameter(instance_type)
    if image:
        reason = find_launch_incompatibility(image, instance_type, choice.region, request.disk_gib, base)
        incompatibility = requirements.find_incompatibility(instance_type, image.source.base_image_parameter)
        if reason is None and incompatibility:
            reason = f"recipe {recipe.name} does not support image {image.name}: {incompatibility}"
        if reason:
            yield FieldError("image", reason)
        return
    incompatibility = requirements.find_incompatibility(instance_type, base)
    if incompatibility:
        field = "recipe" if request.recipe else "instance_type" if request.instance_type else "gpu"
        suggestion = suggest_types(requirements, recipe.get_image_parameter, context.catalog, choice.region)
        message = f"recipe {recipe.name} does not support {instance_type.name}: {incompatibility}. {suggestion}"
        yield FieldError(field, message)


def _build_no_latest_image_error(choice: TypeChoice, recipe: Recipe) -> FieldError:
    name = choice.instance_type.name if choice.instance_type else ""
    message = (
        f"you have no image with recipe {recipe.name} in its current version that can be launched as {name} in "
        f"{choice.region}; leave image out, and create an image when the instance is ready "
        "(POST /instances/{name}/images)"
    )
    return FieldError("image", message)
