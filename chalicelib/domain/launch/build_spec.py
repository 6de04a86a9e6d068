"""From what somebody asked for to a complete spec, or to every reason why not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.catalog.instance_types import (
    InstanceType,
    InstanceTypeCatalog,
    NoMatchingType,
    UnknownGpu,
    UnknownType,
)
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.desk.policy_limits import PolicyOverride, apply_override, effective_default, policy_errors
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.images.record import Image, launch_incompatibility
from chalicelib.domain.instances.names import NAME_IN_DESCRIPTION, is_valid_name
from chalicelib.domain.instances.record import DesiredState, ImageRef, Rates, Spec
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument
from chalicelib.domain.setup.requirements import suggest_types

MIN_DISK_GIB = 8
MAX_TAGS = 40
TAG_PATTERN = re.compile(r"[\w \t.:/=+\-@]*", re.ASCII)
RESERVED_TAGS = ("aws:", "gpudesk:")


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """POST /instances as it was said; None is "as the desk does it"."""

    gpu: str | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    region: str | None = None
    market: str | None = None
    recipe: str | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    image: str | None = None
    disk_gib: int | None = None
    name: str | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: PolicyOverride = PolicyOverride()


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
        gpu=kind.gpu,
        gpu_count=kind.gpu_count,
        nvidia_gpu_count=kind.nvidia_gpu_count,
        instance_store_gb=kind.instance_store_gb,
        instance_type=kind.name,
        region=region,
        recipe=recipe.name,
        parameters=parameters,
        image=ImageRef(id=image.id, name=image.name, ami_id=image.ami_id or "") if image else None,
        image_parameter=image.base_image_parameter
        if image
        else recipe.image_parameter_for(kind)
        if recipe.image is not None
        else None,
        disk_gib=disk_gib,
        project=request.project,
        tags=dict(request.tags) | ({"project": request.project} if request.project else {}),
        idle_policy=policy,
        max_hours=max_hours,
    )
    rates = Rates(
        instance=kind.prices[region],
        disk=catalog.disk_price_per_gib_hour(region) * disk_gib,
        address=catalog.address_price_per_hour,
    )
    return spec, rates


def documents_for_spec(spec: Spec, recipes: Mapping[str, Recipe]) -> tuple[RecipeDocument, ...]:
    """Of all its recipes that there are, in their order; what several of them run is run once."""
    uses: list[RecipeDocument] = []
    for name in (each for each in spec.recipes if each in recipes):
        uses += [use for use in recipes[name].documents_with(spec.parameters_of(name)) if use not in uses]
    return tuple(uses)


def apply_policy_update(spec: Spec, request: PolicyOverride, limits: Limits) -> tuple[IdlePolicy, int]:
    """A living instance's policy, changed.

    :returns: the idle policy and the maximum hours
    :raises Invalid: with every field that is wrong
    """
    policy, max_hours = apply_override(request, spec.idle_policy, spec.max_hours)
    errors = list(policy_errors(policy, max_hours, limits))
    if errors:
        raise validation_failed(errors)
    return policy, max_hours


def unknown_recipe_error(name: str, recipes: Mapping[str, Recipe]) -> FieldError:
    """A recipe was named that there is not."""
    return FieldError("recipe", f"must be one of {', '.join(recipes)}, not {name[:40]!r}")


def validation_failed(errors: list[FieldError]) -> ValidationFailed:
    """One refusal of all that is wrong."""
    fields = ", ".join(dict.fromkeys(error.field for error in errors))
    return ValidationFailed(f"the request cannot be granted as it is: see {fields}", errors=tuple(errors))


def choose_instance_type(
    request: LaunchRequest, region: str, catalog: InstanceTypeCatalog, limits: Limits
) -> tuple[InstanceType | None, list[FieldError]]:
    if request.gpu is None and request.instance_type is None:
        names = ", ".join(catalog.gpu_names())
        return None, [FieldError("gpu", f"say which GPU ({names}), or an instance_type such as g4dn.xlarge")]
    try:
        kind = _named(request, region, catalog) if request.instance_type else _of_gpu(request, region, catalog)
    except UnknownType as error:
        return None, [FieldError("instance_type", str(error))]
    except (UnknownGpu, NoMatchingType) as error:
        wrong_count = isinstance(error, NoMatchingType) and "exactly" in str(error)
        return None, [FieldError("gpu_count" if wrong_count else "gpu", str(error))]
    except ValidationFailed as error:
        return None, list(error.errors)
    if kind.gpu_count > limits.gpu_count:
        return None, [FieldError("gpu_count", f"must be at most {limits.gpu_count} on this desk")]
    return kind, []


def _of_gpu(request: LaunchRequest, region: str, catalog: InstanceTypeCatalog) -> InstanceType:
    return catalog.cheapest(request.gpu or "", request.gpu_count or 1, region)


def _named(request: LaunchRequest, region: str, catalog: InstanceTypeCatalog) -> InstanceType:
    kind = catalog.get_type(request.instance_type or "")
    wrong = []
    if kind.unavailable:
        wrong.append(FieldError("instance_type", kind.unavailable))
    elif region not in kind.prices:
        regions = ", ".join(sorted(kind.prices))
        wrong.append(FieldError("region", f"{kind.name} is not known to be offered in {region}; it is in {regions}"))
    if request.gpu and kind.gpu not in catalog.match_gpus(request.gpu):
        has = f"{kind.gpu_count} x {kind.gpu}" if kind.gpu else "no GPU"
        wrong.append(FieldError("gpu", f"{kind.name} has {has}; leave out gpu or instance_type"))
    if request.gpu_count is not None and request.gpu_count != kind.gpu_count:
        wrong.append(FieldError("gpu_count", f"{kind.name} has {kind.gpu_count}; leave out gpu_count or instance_type"))
    if wrong:
        raise validation_failed(wrong)
    return kind


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
        misfit = recipe.requirements.incompatibility(instance_type, image.base_image_parameter)
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
        yield FieldError("name", f"must be {NAME_IN_DESCRIPTION}, not {name[:60]!r}")


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
