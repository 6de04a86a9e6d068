"""From what somebody asked for to a complete spec, or to every reason why not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chalicelib.domain.catalog.instance_types import (
    InstanceType,
    InstanceTypeCatalog,
)
from chalicelib.domain.common.errors import FieldError, validation_failed
from chalicelib.domain.desk.policy_limits import PolicyOverride, apply_override, effective_default, policy_errors
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.images.record import Image, launch_incompatibility
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.names import NAME_DESCRIPTION, is_valid_name
from chalicelib.domain.instances.spec import DesiredState, Hardware, ImageRef, Policy, Software, Spec
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, unknown_recipe_error
from chalicelib.domain.setup.requirements import suggest_types

MIN_DISK_GIB = 8
MAX_TAGS = 40
TAG_PATTERN = re.compile(r"[\w \t.:/=+\-@]*", re.ASCII)
RESERVED_TAGS = ("aws:", "gpudesk:")


def build_spec(
    request: LaunchRequest,
    catalog: InstanceTypeCatalog,
    recipes: Mapping[str, Recipe],
    desk: DeskSettings,
    own: PolicyOverride,
    image: Image | None = None,
) -> tuple[Spec, Rates]:
    """Fill in what was not said, and look the price up.

    :param own: the owner's policy, between the desk's and the request's
    :param image: what it is launched from: what was not said is as it was there, and the disk no smaller
    :returns: the spec, and what it costs an hour
    :raises Invalid: with every field that is wrong
    """
    defaults = desk.defaults
    if image:
        request = replace(request, region=request.region or image.region, recipe=request.recipe or image.recipe)
    region = request.region or defaults.region
    name = request.recipe or defaults.recipe
    recipe = recipes.get(name)
    disk_gib = request.disk_gib or defaults.disk_gib
    errors = [*_region(region, catalog, desk.limits), *_market(request.market)]
    errors += [*_disk(disk_gib, desk.limits), *_name(request.name), *_tags(request, desk.limits)]
    default = effective_default(own, defaults.idle_policy, defaults.max_hours, desk.limits)
    policy, max_hours = apply_override(request.policy, *default)
    errors += policy_errors(policy, max_hours, desk.limits)
    kind = None
    if not any(error.field == "region" for error in errors):
        kind, wrong = choose_instance_type(request, region, catalog, desk.limits)
        errors += wrong
    parameters, wrong = (
        _recipe(request, recipe, kind, image, catalog, region)
        if recipe
        else ({}, [unknown_recipe_error(name, recipes)])
    )
    errors += wrong
    if errors or kind is None or recipe is None:
        raise validation_failed(errors)
    disk_gib = max(disk_gib, image.disk_gib if image else 0)
    spec = Spec(
        desired=DesiredState.RUNNING,
        region=region,
        disk_gib=disk_gib,
        project=request.project,
        tags=dict(request.tags) | ({"project": request.project} if request.project else {}),
        hardware=Hardware(
            gpu=kind.gpu,
            gpu_count=kind.gpu_count,
            nvidia_gpu_count=kind.nvidia_gpu_count,
            instance_store_gb=kind.instance_store_gb,
            instance_type=kind.name,
        ),
        software=Software(
            recipe=recipe.name,
            parameters=parameters,
            image=ImageRef(id=image.id, name=image.name, ami_id=image.ami.id or "") if image else None,
            image_parameter=image.source.base_image_parameter
            if image
            else recipe.image_parameter_for(kind)
            if recipe.image is not None
            else None,
        ),
        policy=Policy(idle=policy, max_hours=max_hours),
    )
    rates = Rates(
        instance=kind.prices[region],
        disk=catalog.disk_price_per_gib_hour(region) * disk_gib,
        address=catalog.address_price_per_hour,
    )
    return spec, rates


def _region(region: str, catalog: InstanceTypeCatalog, limits: Limits) -> Iterator[FieldError]:
    allowed = limits.regions or catalog.regions()
    if region not in allowed:
        yield FieldError("region", f"must be one of {', '.join(allowed)}, not {region[:40]!r}")


def _market(market: str | None) -> Iterator[FieldError]:
    if market == "spot":
        yield FieldError("market", "spot is not built yet; leave it out or say on-demand")
    elif market not in (None, "on-demand"):
        yield FieldError("market", f"must be on-demand, not {market[:40]!r}")


def _recipe(
    request: LaunchRequest,
    recipe: Recipe,
    instance_type: InstanceType | None,
    image: Image | None,
    catalog: InstanceTypeCatalog,
    region: str,
) -> tuple[dict[str, ParameterValue], list[FieldError]]:
    """The recipe's parameters, and what is wrong with them or with the recipe on that type, or from that image."""
    parameters, errors = resolve_values(
        request.parameters, recipe.parameters, image.parameters_of(recipe.name) if image else None
    )
    if instance_type is None:
        return parameters, errors
    if image:
        why = launch_incompatibility(
            image, instance_type, region, request.disk_gib, recipe.image_parameter_for(instance_type)
        )
        misfit = recipe.requirements.incompatibility(instance_type, image.source.base_image_parameter)
        if why or misfit:
            errors.append(FieldError("image", why or f"{recipe.name} does not fit {image.name}: {misfit}"))
        return parameters, errors
    misfit = recipe.requirements.incompatibility(instance_type, recipe.image_parameter_for(instance_type))
    if misfit:
        field = "recipe" if request.recipe else "instance_type" if request.instance_type else "gpu"
        instead = suggest_types(recipe.requirements, recipe.image_parameter_for, catalog, region)
        errors.append(FieldError(field, f"{recipe.name} does not fit: {misfit}; {instead}"))
    return parameters, errors


def _disk(disk_gib: int, limits: Limits) -> Iterator[FieldError]:
    if not MIN_DISK_GIB <= disk_gib <= limits.disk_gib:
        yield FieldError("disk_gib", f"must be {MIN_DISK_GIB} to {limits.disk_gib} GiB, not {disk_gib}")


def _name(name: str | None) -> Iterator[FieldError]:
    if name is not None and not is_valid_name(name):
        yield FieldError("name", f"must be {NAME_DESCRIPTION}, not {name[:60]!r}")


def _tags(request: LaunchRequest, limits: Limits) -> Iterator[FieldError]:
    if len(request.tags) > MAX_TAGS:
        yield FieldError("tags", f"must be at most {MAX_TAGS}")
    for key, value in request.tags.items():
        if key in ("Name", "project") or key.lower().startswith(RESERVED_TAGS):
            yield FieldError(f"tags.{key[:60]}", "is the desk's own or AWS's; choose another key")
        elif not 1 <= len(key) <= 128 or len(value) > 256:
            yield FieldError(f"tags.{key[:60]}", "must have a key of 1 to 128 and a value of at most 256 characters")
        elif not (TAG_PATTERN.fullmatch(key) and TAG_PATTERN.fullmatch(value)):
            yield FieldError(f"tags.{key[:60]}", "may hold letters, digits, spaces and . : / = + - _ @ only")
    if request.project is not None and not (TAG_PATTERN.fullmatch(request.project) and 1 <= len(request.project) <= 64):
        yield FieldError("project", "must be 1 to 64 letters, digits, spaces and . : / = + - _ @")
    for key in limits.required_tags:
        if key == "project" and not request.project:
            yield FieldError("project", "is required on this desk")
        elif key != "project" and not request.tags.get(key):
            yield FieldError(f"tags.{key}", "is required on this desk")
