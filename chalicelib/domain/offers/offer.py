"""Define an offer: one instance type in one zone on one market, with its price and what launches there have shown."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import (
    ON_DEMAND_PRICE_VALID_FOR,
    PRICE_LIST_PRICE_VALID_FOR,
    SPOT_PRICE_VALID_FOR,
)
from chalicelib.domain.offers.capacity_record import CapacityRecord
from chalicelib.domain.offers.headroom import Headroom


class PriceSource(StrEnum):
    """The source of a price.

    - `catalog`: the list prices that are packaged with gpudesk
    - `pricing_api`: the Price List of AWS
    - `spot_price_history`: DescribeSpotPriceHistory of EC2
    """

    CATALOG = "catalog"
    PRICING_API = "pricing_api"
    SPOT_PRICE_HISTORY = "spot_price_history"


PRICE_VALID_FOR = {
    PriceSource.CATALOG: ON_DEMAND_PRICE_VALID_FOR,
    PriceSource.PRICING_API: PRICE_LIST_PRICE_VALID_FOR,
    PriceSource.SPOT_PRICE_HISTORY: SPOT_PRICE_VALID_FOR,
}


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price of an instance type.

    :param read_at: the price was valid at this time
    """

    usd_per_hour: Decimal
    source: PriceSource
    read_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Return whether the price may have changed since it was read."""
        return now - self.read_at > PRICE_VALID_FOR[self.source]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way to get an instance.

    :param price: None: unknown
    :param distance_km: from the place that the search is for; None: unknown
    :param record: what EC2 has answered to launches; empty: nothing
    :param headroom: what the quota leaves for a launch, by the figures that were searched
    """

    instance_type: str
    region: str
    zone: str
    market: Market
    price: Price | None = None
    distance_km: int | None = None
    record: CapacityRecord = CapacityRecord()
    headroom: Headroom = Headroom()

    @property
    def key(self) -> str:
        """The text that no other offer has."""
        return f"{self.instance_type}/{self.zone}/{self.market}"
