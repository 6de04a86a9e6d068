"""Check a start against the quotas of EC2 as they were last read. What is unknown never refuses a start."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.quota_excess import choose_cpu_type
from chalicelib.domain.launch.start_excess import StartExcess
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind
from chalicelib.domain.offers.launch_headroom import find_launch_headroom
from chalicelib.domain.offers.size_change import SizeContext, list_other_sizes, list_type_problems
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True)
class StartQuotaCheck:
    """The check of a start. The active instances are read only if the quota is known."""

    stores: Repositories

    def find_excess(self, instance: Instance, type_name: str, context: SizeContext) -> StartExcess | None:
        """Return the quota that a start with a type exceeds; None: it fits, or that is unknown.

        :param context: of the region of the instance
        """
        reading = context.offerings.quotas if context.offerings else None
        records: list[Instance] = []

        def find_headroom(name: str) -> Headroom:
            spec = replace(instance.spec, hardware=replace(instance.spec.hardware, instance_type=name))
            return find_launch_headroom(spec, reading, records, context.catalog.types, context.now)

        if find_headroom(type_name).kind is HeadroomKind.UNKNOWN:
            return None
        active = (each for each in self.stores.instances.list_active() if isinstance(each, Instance))
        records.extend(each for each in active if each.id != instance.id)
        headroom = find_headroom(type_name)
        if headroom.kind is not HeadroomKind.EXCEEDED:
            return None

        def has_room(name: str) -> bool:
            return find_headroom(name).kind is not HeadroomKind.EXCEEDED

        others = [other.instance_type for other in list_other_sizes(instance, context)]
        return StartExcess(
            instance=instance,
            headroom=headroom,
            instance_type=type_name,
            other_sizes=[name for name in others if name != type_name and has_room(name)],
            cpu_type=_choose_cpu_type(instance, context, has_room),
        )


def _choose_cpu_type(instance: Instance, context: SizeContext, has_room: Callable[[str], bool]) -> str | None:
    """Return a type without a GPU that the instance can have where it is; None: none, or it has no GPU anyway."""
    recipe = context.recipes.get(instance.spec.software.recipe)
    if recipe is None or instance.spec.hardware.gpu is None:
        return None

    def is_possible(item: InstanceType) -> bool:
        return has_room(item.name) and not any(list_type_problems(instance, item, context))

    chosen = choose_cpu_type(instance.spec, recipe, context.catalog, is_possible)
    return chosen.name if chosen else None
