"""Check and complete where an instance is to move: region, zone and type."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.lookup_errors import UnknownType
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.instances.hardware import build_hardware, find_rates
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import collect_documents
from chalicelib.domain.launch.type_choice import check_region, list_allowed_regions
from chalicelib.domain.offers.size_change import SizeContext, SizePlace, get_zone, list_type_problems


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
    is_same_size = size is not None and size.name == instance.spec.hardware.instance_type
    if request.zone == get_zone(instance) and is_same_size:
        errors.append(FieldError("zone", f"must be another zone: the disk is in {request.zone}"))
    if size and not errors:
        field = "instance_type" if request.instance_type else "zone" if request.zone else "region"
        problems = list_type_problems(instance, size, context, SizePlace(region, request.zone))
        errors += [FieldError(field, problem) for problem in problems]
    unknown = [name for name in instance.spec.software.recipes if name not in context.recipes]
    errors += [FieldError("recipe", f"{name} no longer exists, so the instance cannot be set up") for name in unknown]
    if errors or size is None:
        raise build_validation_error(errors)
    return MoveTarget(
        region=region,
        zone=request.zone,
        hardware=build_hardware(size.name, context.catalog),
        documents=collect_documents(instance.spec, context.recipes),
        rates=find_rates(size.name, region, instance.spec.disk_gib, context.catalog),
    )


def _find_size(name: str, context: SizeContext, errors: list[FieldError]) -> InstanceType | None:
    try:
        return context.catalog.get_type(name)
    except UnknownType as error:
        errors.append(FieldError("instance_type", str(error)))
        return None
