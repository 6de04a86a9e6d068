"""Other sizes for a stopped instance: which types it can have in the zone of its disk, and which may start there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.start_state import OtherSize
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.headroom import HeadroomKind, describe_excess
from chalicelib.domain.offers.likelihood import estimate_likelihood
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.setup.recipe import Recipe

MAX_OTHER_SIZES = 3
"""A person chooses among a few; GET /offers lists all."""


@dataclass(frozen=True, kw_only=True)
class SizeContext:
    """The facts that a choice of a size in one region depends on.

    :param offerings: None: they have not been read
    """

    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    limits: Limits
    offerings: RegionOfferings | None
    capacity: RegionCapacity
    quotas: CurrentQuotas
    now: datetime


class SizePlace(NamedTuple):
    """The place in which an instance is to have a type. Zone None: any zone of the region."""

    region: str
    zone: str | None


def list_size_problems(
    instance: Instance, size: InstanceType, context: SizeContext, place: SizePlace | None = None
) -> Iterator[str]:
    """Yield why an instance cannot have a type in a place now, a quota included, each as a clause without a period.

    What gpudesk does not know is no problem: EC2 itself refuses a type that does not fit.

    :param place: None: where its disk is
    """
    yield from list_type_problems(instance, size, context, place)
    if size.unavailable:
        return
    quotas = context.quotas.without(instance)
    headroom = quotas.find_headroom(size.name, instance.spec.market)
    if headroom.kind is HeadroomKind.EXCEEDED:
        yield describe_excess(headroom, quotas.region, {size.name: size.vcpus or 0}).rstrip(".")


def list_type_problems(
    instance: Instance, size: InstanceType, context: SizeContext, place: SizePlace | None = None
) -> Iterator[str]:
    """Yield why an instance cannot have a type in a place, whatever the quotas are, each as a clause without a period.

    :param place: None: where its disk is
    """
    name = size.name
    region, zone = place or SizePlace(instance.spec.region, get_zone(instance))
    if size.unavailable:
        yield size.unavailable.rstrip(".")
        return
    if place is None and has_spot_request(instance.ec2_instance):
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/stop-start-spot-instances.html
        move = "" if instance.is_adopted_on_request else f"; move {instance.name} as {name} instead"
        yield f"EC2 cannot change the type of a stopped spot instance{move}"
        return
    arch = (instance.ec2_instance.image_arch if instance.ec2_instance else None) or instance.spec.hardware.arch
    if arch and size.arch != arch:
        yield f"{name} is {size.arch}, and the disk is {arch}"
    yield from _list_recipe_problems(instance, size, context)
    if (size.gpu_count or 0) > context.limits.gpu_count:
        yield f"{name} has {size.gpu_count} GPUs, and the limit of this desk is {context.limits.gpu_count}"
    if region not in size.prices:
        yield f"{name} has no known price in {region}"
    if context.offerings is None:
        return
    offering = context.offerings.types.get(name)
    if offering is None or (zone is not None and zone not in offering.spot):
        yield f"{zone or region} does not offer {name}"


def _list_recipe_problems(instance: Instance, size: InstanceType, context: SizeContext) -> Iterator[str]:
    for recipe in (context.recipes.get(recipe) for recipe in instance.spec.software.recipes):
        problem = recipe.requirements.find_incompatibility(size, None) if recipe else None
        if recipe and problem:
            yield f"recipe {recipe.name} does not support it: {problem}"


def list_other_sizes(instance: Instance, context: SizeContext) -> tuple[OtherSize, ...]:
    """Return the cheapest types with the same GPU that may start in the zone of the disk.

    A type that EC2 has refused in the zone a moment ago is left out, and so is every type while the offers of the
    region have not been read.
    """
    present, zone = context.catalog.types.get(instance.spec.hardware.instance_type), get_zone(instance)
    if present is None or zone is None or context.offerings is None:
        return ()
    region, market = instance.spec.region, instance.spec.market
    others = []
    for size in context.catalog.types.values():
        if not is_similar_size(size, present) or any(list_size_problems(instance, size, context)):
            continue
        record = context.capacity.find_record(size.name, zone, market)
        if not record.is_avoided(context.now):
            price, former = size.prices[region], present.prices.get(region)
            evidence = estimate_likelihood(record, context.now).evidence
            ratio = (price / former).quantize(Decimal("0.01")) if former else None
            others.append(OtherSize(instance_type=size.name, price=price, price_ratio=ratio, evidence=evidence))
    return tuple(sorted(others, key=lambda other: (other.price, other.instance_type))[:MAX_OTHER_SIZES])


def get_zone(instance: Instance) -> str | None:
    """Return the zone of the disk; None before the launch."""
    return instance.ec2_instance.zone if instance.ec2_instance else None


def is_similar_size(size: InstanceType, present: InstanceType) -> bool:
    """Return whether a type is another one with the same GPU, or, without a GPU, another one of the same family."""
    is_same_kind = size.gpu == present.gpu and (size.gpu is not None or size.family == present.family)
    return is_same_kind and size.name != present.name
