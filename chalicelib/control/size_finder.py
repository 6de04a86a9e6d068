"""Find other sizes for a stopped instance in the stored offers and in the memory of capacity. EC2 is not called."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.control.current_quotas import read_current_quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.start_state import OtherSize
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.size_change import SizeContext, list_other_sizes
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.dynamo import is_overload
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SizeFinder:
    """Reads what is stored of the region of an instance. The control loop and the API use it."""

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    clock: Clock

    def load_context(self, region: str) -> SizeContext:
        """Return the facts that a choice of a size in a region depends on."""
        offerings, capacity = self.stores.offers.get_many_with_capacity((region,))
        found, now = offerings.get(region), self.clock.now()
        return SizeContext(
            catalog=self.catalog,
            recipes=self.recipes,
            limits=self.stores.desk.get_settings().limits,
            offerings=found,
            capacity=capacity.get(region, RegionCapacity()),
            quotas=read_current_quotas(self.stores, region, found, self.catalog.types, now),
            now=now,
        )

    def find_other_sizes(self, instance: Instance) -> tuple[OtherSize, ...]:
        """Return the sizes that may start in the zone of the disk; none while DynamoDB is overloaded.

        They are an advice: the refusal that they belong to must be recorded in any case.
        """
        try:
            return list_other_sizes(instance, self.load_context(instance.spec.region))
        except Exception as error:
            if not is_overload(error):
                raise
            LOG.warning("No other sizes are found for %s: DynamoDB is overloaded", instance.name)
            return ()
