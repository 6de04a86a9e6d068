"""Check and complete where an instance is to move: region, zone and type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.lookup_errors import UnknownType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.common.money import format_exact_usd
from chalicelib.domain.instances.hardware import build_hardware, find_rates
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.move_choice import build_move_choice, find_on_demand_price
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import collect_documents
from chalicelib.domain.launch.type_choice import check_region, list_allowed_regions
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.size_change import SizeContext, SizePlace, get_zone, list_type_problems
from chalicelib.domain.offers.spot_price import find_spot_price


@dataclass(frozen=True, kw_only=True)
class MoveRequest:
    """The requested target of a move. None: it stays as it is; without a zone, any other zone is chosen."""

    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None


def build_move_target(
    instance: Instance, request: MoveRequest, context: SizeContext, deployed_regions: Sequence[str]
) -> MoveTarget:
    """Return where the instance is to move, whatever the quotas are.

    :param context: of the region of the target
    :param deployed_regions: the regions in which gpudesk is set up
    :raises ValidationFailed: it cannot move there, with every reason
    """
    region = request.region or instance.spec.region
    errors: list[FieldError] = []
    if request.region:
        error = check_region(region, list_allowed_regions(context.limits, context.catalog), deployed_regions)
        errors += [error] if error else []
    if request.zone and not request.zone.startswith(region):
        example = next(zone for letter in "ab" if (zone := f"{region}{letter}") != get_zone(instance))
        errors.append(FieldError("zone", f"must be a zone of {region}, such as {example}"))
    size = _find_size(request.instance_type or instance.spec.hardware.instance_type, context, errors)
    zone_problem = _find_zone_problem(instance, request.zone, size)
    errors += [FieldError("zone", zone_problem)] if zone_problem else []
    field = "instance_type" if request.instance_type else "zone" if request.zone else "region"
    if size and not errors:
        place = SizePlace(region, request.zone)
        problems = [*list_type_problems(instance, size, context, place)] or [
            *_list_place_problems(instance, size, context, place)
        ]
        errors += [FieldError(field, problem) for problem in problems]
    unknown = [name for name in instance.spec.software.recipes if name not in context.recipes]
    errors += [FieldError("recipe", f"{name} no longer exists, so the instance cannot be set up") for name in unknown]
    if errors or size is None:
        raise build_validation_error(errors)
    target = MoveTarget(
        region=region,
        zone=request.zone,
        hardware=build_hardware(size.name, context.catalog),
        documents=collect_documents(instance.spec, context.recipes),
        rates=find_rates(size.name, region, instance.spec.disk_gib, context.catalog),
    )
    problem = _find_price_problem(instance, target, context)
    if problem:
        raise build_validation_error([FieldError(field, problem)])
    return target


def find_target_spot_price(instance: Instance, target: MoveTarget, offerings: RegionOfferings | None) -> Decimal | None:
    """Return the lowest known price in US dollars per hour on spot in the zones that an instance may move to.

    :param offerings: of the region of the target; None: they have not been read
    :returns: None: it is unknown, or the instance is not on spot
    """
    if instance.spec.market is not Market.SPOT or offerings is None:
        return None
    name = target.hardware.instance_type
    zones = list_target_zones(instance, name, offerings, target.zone)
    prices = (find_spot_price(offerings, name, zone) for zone in zones)
    return min((price for price in prices if price is not None), default=None)


def list_target_zones(
    instance: Instance, type_name: str, offerings: RegionOfferings, zone: str | None
) -> tuple[str, ...]:
    """Return the zones of a region in which a moving instance may be launched.

    :param zone: the only one that is requested; None: any but the one that the instance leaves
    """
    offering, left = offerings.types.get(type_name), get_zone(instance)
    return tuple(
        each
        for each in (offering.spot if offering else ())
        if offerings.has_subnet(each) and (each == zone if zone else each != left)
    )


def _find_size(name: str, context: SizeContext, errors: list[FieldError]) -> InstanceType | None:
    try:
        return context.catalog.get_type(name)
    except UnknownType as error:
        errors.append(FieldError("instance_type", str(error)))
        return None


def _find_zone_problem(instance: Instance, zone: str | None, size: InstanceType | None) -> str | None:
    """Return why a move into the zone of the disk is needless; None: it is not requested, or only a move can do it.

    EC2 does not change the type of a stopped spot instance.
    """
    spec, present = instance.spec, get_zone(instance)
    if zone is None or zone != present or size is None:
        return None
    problem = f"must be another zone: the disk is in {zone}"
    if size.name == spec.hardware.instance_type:
        return problem
    if has_spot_request(instance.ec2_instance):
        return None
    start = f"POST /instances/{instance.name}/start with instance_type {size.name}"
    return f"{problem}. To start it there as {size.name} without a copy of its disk, send {start}"


def _list_place_problems(
    instance: Instance, size: InstanceType, context: SizeContext, place: SizePlace
) -> Iterator[str]:
    """Yield that a launch finds no zone for the type, so that no disk is copied in vain."""
    region, zone = place
    if context.offerings is None or list_target_zones(instance, size.name, context.offerings, zone):
        return
    if zone:
        yield f"gpudesk has no subnet in {zone}"
    elif region != instance.spec.region:
        yield f"gpudesk has no subnet in a zone of {region} that offers {size.name}"
    else:
        present = get_zone(instance)
        yield f"gpudesk can launch {size.name} in no zone of {region} besides {present}, where {instance.name} is"


def _find_price_problem(instance: Instance, target: MoveTarget, context: SizeContext) -> str | None:
    """Return that every known price at the target exceeds the `max_price` of the launch, which also bounds a move."""
    choice = build_move_choice(instance.spec, target)
    prices = (find_target_spot_price(instance, target, context.offerings), find_on_demand_price(target))
    lowest = min((price for price in prices if price is not None), default=None)
    if choice is None or choice.max_price is None or lowest is None or lowest <= choice.max_price:
        return None
    size, least, limit = target.hardware.instance_type, format_exact_usd(lowest), format_exact_usd(choice.max_price)
    return f"{size} costs at least {least} per hour there, and max_price of {instance.name} is {limit}"
