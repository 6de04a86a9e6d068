"""Choose the region and the instance type of a launch request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import NoMatchingType, UnknownGpu, UnknownType
from chalicelib.domain.common.accepted_values import describe_accepted_values
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import join_and
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.images.record import Image
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest


@dataclass(frozen=True)
class TypeChoice:
    """The region and the instance type of a launch.

    :param instance_type: None if there are errors
    """

    region: str
    instance_type: InstanceType | None
    errors: tuple[FieldError, ...] = ()


def choose_instance_type(request: LaunchRequest, context: LaunchContext, image: Image | None) -> TypeChoice:
    """Choose the type that the request names, or else the cheapest type with its GPUs.

    :param image: if it is given, its region is the default
    """
    catalog, limits = context.catalog, context.settings.limits
    region = request.region or (image.region if image else context.settings.defaults.region)
    allowed, deployed = list_allowed_regions(limits, catalog), context.deployed_regions
    error = check_region(region, allowed, deployed)
    if error:
        return TypeChoice(region, None, (error,))
    try:
        instance_type = _find_type(request, region, catalog, list_usable_regions(allowed, deployed))
        errors = _check_type(request, region, instance_type, context) if instance_type else ()
    except UnknownType as error:
        return TypeChoice(region, None, (FieldError("instance_type", str(error)),))
    except UnknownGpu as error:
        return TypeChoice(region, None, (FieldError("gpu", str(error)),))
    except NoMatchingType as error:
        return TypeChoice(region, None, (FieldError(error.field, str(error)),))
    if instance_type is None:
        gpus = describe_accepted_values(catalog.list_gpus())
        message = f"is required, unless you send an instance_type such as g4dn.xlarge: one of {gpus}"
        errors = (FieldError("gpu", message),)
    return TypeChoice(region, None if errors else instance_type, errors)


def list_allowed_regions(limits: Limits, catalog: InstanceTypeCatalog) -> tuple[str, ...]:
    """Return the regions that the limits of the desk allow, whether or not gpudesk is set up there."""
    return limits.regions or catalog.list_regions()


def list_usable_regions(allowed: Sequence[str], deployed: Sequence[str]) -> tuple[str, ...]:
    """Return the allowed regions in which gpudesk is set up.

    :param deployed: the regions in which gpudesk is set up
    """
    return tuple(name for name in allowed if name in deployed)


def check_region(
    region: str, allowed: Sequence[str], deployed: Sequence[str], field: str = "region"
) -> FieldError | None:
    """Return why no instance can be launched in a region.

    :param deployed: the regions in which gpudesk is set up
    """
    usable = list_usable_regions(allowed, deployed)
    if region in usable:
        return None
    if not usable:
        message = f"gpudesk is set up in {join_and(deployed)} only, and the limits of the desk allow none of them"
    elif region in allowed:
        message = f"gpudesk is not set up in {region}; must be one of {describe_accepted_values(usable, region)}"
    elif region in deployed:
        accepted = describe_accepted_values(usable, region)
        message = f"{region} is not allowed by the limits of the desk (limits.regions); must be one of {accepted}"
    else:
        message = f"must be one of {describe_accepted_values(usable, region)}, not {region[:40]!r}"
    return FieldError(field, message)


def _find_type(
    request: LaunchRequest, region: str, catalog: InstanceTypeCatalog, usable: Sequence[str]
) -> InstanceType | None:
    if request.instance_type:
        return catalog.get_type(request.instance_type)
    return catalog.find_cheapest(request.gpu, request.gpu_count or 1, region, usable) if request.gpu else None


def _check_type(
    request: LaunchRequest, region: str, instance_type: InstanceType, context: LaunchContext
) -> tuple[FieldError, ...]:
    """Return why the type cannot be launched."""
    if request.instance_type:
        errors = tuple(_check_named_type(request, region, instance_type, context))
        if errors:
            return errors
    limit = context.settings.limits.gpu_count
    if (instance_type.gpu_count or 0) > limit:
        return (FieldError("gpu_count", f"must be at most {limit} on this desk"),)
    return ()


def _check_named_type(
    request: LaunchRequest, region: str, instance_type: InstanceType, context: LaunchContext
) -> Iterator[FieldError]:
    """Yield why the named type cannot be launched, and where the other fields contradict it."""
    name, catalog = instance_type.name, context.catalog
    if instance_type.unavailable:
        yield FieldError("instance_type", instance_type.unavailable)
    elif region not in instance_type.prices:
        usable = list_usable_regions(list_allowed_regions(context.settings.limits, catalog), context.deployed_regions)
        priced = describe_accepted_values([place for place in sorted(instance_type.prices) if place in usable], region)
        advice = f"it has one in {priced}" if priced else "no region that you can use has one"
        yield FieldError("region", f"{name} has no known price in {region}; {advice}")
    if request.gpu and instance_type.gpu not in catalog.match_gpus(request.gpu):
        gpus = f"{instance_type.gpu_count} x {instance_type.gpu}" if instance_type.gpu else "no GPU"
        yield FieldError("gpu", f"{name} has {gpus}; leave out gpu or instance_type")
    if request.gpu_count is not None and request.gpu_count != instance_type.gpu_count:
        message = f"must be {instance_type.gpu_count} for {name}, not {request.gpu_count}; or leave it out"
        yield FieldError("gpu_count", message)
