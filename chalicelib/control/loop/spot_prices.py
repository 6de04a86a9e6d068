"""Spot prices for the decisions of one sweep or one event. Each region with a spot instance is read once."""

import logging
from dataclasses import dataclass, field
from decimal import Decimal

from chalicelib.domain.common.clock import Clock
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.spot_price import find_current_spot_price
from chalicelib.store.offers import OfferRepository

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpotPriceLookup:
    """Finds the present spot price of a type in a zone."""

    offers: OfferRepository
    clock: Clock
    _read: dict[str, RegionOfferings | None] = field(default_factory=dict)

    def find(self, region: str, instance_type: str, zone: str) -> Decimal | None:
        """Return US dollars per hour; None: unknown. An error only keeps the price that the record has."""
        if region not in self._read:
            try:
                self._read[region] = self.offers.get_many([region]).get(region)
            except Exception:
                LOG.exception("the spot prices of %s could not be read", region)
                self._read[region] = None
        return find_current_spot_price(self._read[region], instance_type, zone, self.clock.now())
