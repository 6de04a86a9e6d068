"""From what somebody asked for to a complete spec, or to every reason why not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.activity.policy import IdlePolicy
from chalicelib.domain.catalogue import Catalogue, InstanceType, NoSuchOffer, UnknownGpu, UnknownType
from chalicelib.domain.desk import Ceilings, DeskSettings
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.fits import what_fits
from chalicelib.domain.images import Image, why_not
from chalicelib.domain.instance import Desired, ImageUse, Rates, Spec
from chalicelib.domain.names import NAME_IN_WORDS, is_name
from chalicelib.domain.policies import PolicyAsk, asked_for, owners_default, policy_errors
from chalicelib.domain.recipe_parameters import Value, chosen
from chalicelib.domain.recipes import DocumentUse, Recipe

SMALLEST_DISK_GIB = 8
MOST_TAGS = 40
TAG_TEXT = re.compile(r"[\w \t.:/=+\-@]*", re.ASCII)
RESERVED_TAGS = ("aws:", "gpudesk:")


@dataclass(frozen=True, kw_only=True)
class LaunchAsk:
    """POST /instances as it was said; None is "as the desk does it"."""

    gpu: str | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    region: str | None = None
    market: str | None = None
    recipe: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    image: str | None = None
    disk_gib: int | None = None
    name: str | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: PolicyAsk = PolicyAsk()


def complete(
    ask: LaunchAsk,
    catalogue: Catalogue,
    recipes: Mapping[str, Recipe],
    desk: DeskSettings,
    own: PolicyAsk,
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
        ask = replace(ask, region=ask.region or image.region, recipe=ask.recipe or image.recipe)
    region = ask.region or defaults.region
    name = ask.recipe or defaults.recipe
    recipe = recipes.get(name)
    disk_gib = ask.disk_gib or defaults.disk_gib
    errors = [*_region(region, catalogue, desk.limits), *_market(ask.market)]
    errors += [*_disk(disk_gib, desk.limits), *_name(ask.name), *_tags(ask, desk.limits)]
    default = owners_default(own, defaults.idle_policy, defaults.max_hours, desk.limits)
    policy, max_hours = asked_for(ask.policy, *default)
    errors += policy_errors(policy, max_hours, desk.limits)
    kind = None
    if not any(error.field == "region" for error in errors):
        kind, wrong = _type(ask, region, catalogue, desk.limits)
        errors += wrong
    parameters, wrong = (
        _recipe(ask, recipe, kind, image, catalogue, region) if recipe else ({}, [no_such_recipe(name, recipes)])
    )
    errors += wrong
    if errors or kind is None or recipe is None:
        raise refused(errors)
    disk_gib = max(disk_gib, image.disk_gib if image else 0)
    spec = Spec(
        desired=Desired.RUNNING,
        gpu=kind.gpu,
        gpu_count=kind.gpu_count,
        nvidia_gpu_count=kind.nvidia_gpu_count,
        instance_store_gb=kind.instance_store_gb,
        instance_type=kind.name,
        region=region,
        recipe=recipe.name,
        parameters=parameters,
        image=ImageUse(id=image.id, name=image.name, ami_id=image.ami_id or "") if image else None,
        image_parameter=image.base if image else recipe.image_of(kind) if recipe.image is not None else None,
        disk_gib=disk_gib,
        project=ask.project,
        tags=dict(ask.tags) | ({"project": ask.project} if ask.project else {}),
        idle_policy=policy,
        max_hours=max_hours,
    )
    rates = Rates(
        instance=kind.prices[region],
        disk=catalogue.disk_price_per_gib_hour(region) * disk_gib,
        address=catalogue.address_price_per_hour,
    )
    return spec, rates


def documents_of(spec: Spec, recipes: Mapping[str, Recipe]) -> tuple[DocumentUse, ...]:
    """Of all its recipes that there are, in their order; what several of them run is run once."""
    uses: list[DocumentUse] = []
    for name in (each for each in spec.recipes if each in recipes):
        uses += [use for use in recipes[name].chosen(spec.parameters_of(name)) if use not in uses]
    return tuple(uses)


def amended(spec: Spec, ask: PolicyAsk, limits: Ceilings) -> tuple[IdlePolicy, int]:
    """A living instance's policy, changed.

    :returns: the idle policy and the maximum hours
    :raises Invalid: with every field that is wrong
    """
    policy, max_hours = asked_for(ask, spec.idle_policy, spec.max_hours)
    errors = list(policy_errors(policy, max_hours, limits))
    if errors:
        raise refused(errors)
    return policy, max_hours


def no_such_recipe(name: str, recipes: Mapping[str, Recipe]) -> FieldError:
    """A recipe was named that there is not."""
    return FieldError("recipe", f"must be one of {', '.join(recipes)}, not {name[:40]!r}")


def refused(errors: list[FieldError]) -> Invalid:
    """One refusal of all that is wrong."""
    fields = ", ".join(dict.fromkeys(error.field for error in errors))
    return Invalid(f"the request cannot be granted as it is: see {fields}", errors=tuple(errors))


def _type(
    ask: LaunchAsk, region: str, catalogue: Catalogue, limits: Ceilings
) -> tuple[InstanceType | None, list[FieldError]]:
    if ask.gpu is None and ask.instance_type is None:
        names = ", ".join(catalogue.gpu_names())
        return None, [FieldError("gpu", f"say which GPU ({names}), or an instance_type such as g4dn.xlarge")]
    try:
        kind = _named(ask, region, catalogue) if ask.instance_type else _of_gpu(ask, region, catalogue)
    except UnknownType as error:
        return None, [FieldError("instance_type", str(error))]
    except (UnknownGpu, NoSuchOffer) as error:
        wrong_count = isinstance(error, NoSuchOffer) and "exactly" in str(error)
        return None, [FieldError("gpu_count" if wrong_count else "gpu", str(error))]
    except Invalid as error:
        return None, list(error.errors)
    if kind.gpu_count > limits.gpu_count:
        return None, [FieldError("gpu_count", f"must be at most {limits.gpu_count} on this desk")]
    return kind, []


def _of_gpu(ask: LaunchAsk, region: str, catalogue: Catalogue) -> InstanceType:
    return catalogue.cheapest(ask.gpu or "", ask.gpu_count or 1, region)


def _named(ask: LaunchAsk, region: str, catalogue: Catalogue) -> InstanceType:
    kind = catalogue.type_named(ask.instance_type or "")
    wrong = []
    if kind.unavailable:
        wrong.append(FieldError("instance_type", kind.unavailable))
    elif region not in kind.prices:
        regions = ", ".join(sorted(kind.prices))
        wrong.append(FieldError("region", f"{kind.name} is not known to be offered in {region}; it is in {regions}"))
    if ask.gpu and kind.gpu not in catalogue.gpus_named(ask.gpu):
        has = f"{kind.gpu_count} x {kind.gpu}" if kind.gpu else "no GPU"
        wrong.append(FieldError("gpu", f"{kind.name} has {has}; leave out gpu or instance_type"))
    if ask.gpu_count is not None and ask.gpu_count != kind.gpu_count:
        wrong.append(FieldError("gpu_count", f"{kind.name} has {kind.gpu_count}; leave out gpu_count or instance_type"))
    if wrong:
        raise refused(wrong)
    return kind


def _region(region: str, catalogue: Catalogue, limits: Ceilings) -> Iterator[FieldError]:
    allowed = limits.regions or catalogue.regions()
    if region not in allowed:
        yield FieldError("region", f"must be one of {', '.join(allowed)}, not {region[:40]!r}")


def _market(market: str | None) -> Iterator[FieldError]:
    if market == "spot":
        yield FieldError("market", "spot is not built yet; leave it out or say on-demand")
    elif market not in (None, "on-demand"):
        yield FieldError("market", f"must be on-demand, not {market[:40]!r}")


def _recipe(
    ask: LaunchAsk,
    recipe: Recipe,
    kind: InstanceType | None,
    image: Image | None,
    catalogue: Catalogue,
    region: str,
) -> tuple[dict[str, Value], list[FieldError]]:
    """The recipe's parameters, and what is wrong with them or with the recipe on that type, or from that image."""
    parameters, errors = chosen(ask.parameters, recipe.parameters, image.parameters_of(recipe.name) if image else None)
    if kind is None:
        return parameters, errors
    if image:
        why = why_not(image, kind, region, ask.disk_gib, recipe.image_of(kind))
        misfit = recipe.fits.why_not(kind, image.base)
        if why or misfit:
            errors.append(FieldError("image", why or f"{recipe.name} does not fit {image.name}: {misfit}"))
        return parameters, errors
    misfit = recipe.fits.why_not(kind, recipe.image_of(kind))
    if misfit:
        field = "recipe" if ask.recipe else "instance_type" if ask.instance_type else "gpu"
        instead = what_fits(recipe.fits, recipe.image_of, catalogue, region)
        errors.append(FieldError(field, f"{recipe.name} does not fit: {misfit}; {instead}"))
    return parameters, errors


def _disk(disk_gib: int, limits: Ceilings) -> Iterator[FieldError]:
    if not SMALLEST_DISK_GIB <= disk_gib <= limits.disk_gib:
        yield FieldError("disk_gib", f"must be {SMALLEST_DISK_GIB} to {limits.disk_gib} GiB, not {disk_gib}")


def _name(name: str | None) -> Iterator[FieldError]:
    if name is not None and not is_name(name):
        yield FieldError("name", f"must be {NAME_IN_WORDS}, not {name[:60]!r}")


def _tags(ask: LaunchAsk, limits: Ceilings) -> Iterator[FieldError]:
    if len(ask.tags) > MOST_TAGS:
        yield FieldError("tags", f"must be at most {MOST_TAGS}")
    for key, value in ask.tags.items():
        if key in ("Name", "project") or key.lower().startswith(RESERVED_TAGS):
            yield FieldError(f"tags.{key[:60]}", "is the desk's own or AWS's; choose another key")
        elif not 1 <= len(key) <= 128 or len(value) > 256:
            yield FieldError(f"tags.{key[:60]}", "must have a key of 1 to 128 and a value of at most 256 characters")
        elif not (TAG_TEXT.fullmatch(key) and TAG_TEXT.fullmatch(value)):
            yield FieldError(f"tags.{key[:60]}", "may hold letters, digits, spaces and . : / = + - _ @ only")
    if ask.project is not None and not (TAG_TEXT.fullmatch(ask.project) and 1 <= len(ask.project) <= 64):
        yield FieldError("project", "must be 1 to 64 letters, digits, spaces and . : / = + - _ @")
    for key in limits.required_tags:
        if key == "project" and not ask.project:
            yield FieldError("project", "is required on this desk")
        elif key != "project" and not ask.tags.get(key):
            yield FieldError(f"tags.{key}", "is required on this desk")
