"""Read what is remembered of capacity before a stop: only if a stop is announced or requested, and once per region."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.start_outlook import describe_start_outlook

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartOutlooks:
    """How likely instances start again after a stop.

    :param read: returns the records of capacity of a region
    :param remembered: the records of regions that were read before; None: each call reads them
    """

    read: Callable[[str], RegionCapacity]
    remembered: dict[str, RegionCapacity] | None = None

    def describe(self, instance: Instance, now: datetime) -> str:
        """Return what to say before a stop; an empty text if there is nothing to say.

        A failed read costs this text only: no stop and no warning waits for it.
        """
        try:
            return describe_start_outlook(instance, self._recall(instance.spec.region), now)
        except Exception:
            LOG.exception("The records of capacity of %s could not be read", instance.spec.region)
            return ""

    def add_memory(self) -> "StartOutlooks":
        """Return one that reads each region once."""
        return StartOutlooks(self.read, {})

    def _recall(self, region: str) -> RegionCapacity:
        if self.remembered is None:
            return self.read(region)
        if region not in self.remembered:
            self.remembered[region] = self.read(region)
        return self.remembered[region]
