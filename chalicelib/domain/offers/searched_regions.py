"""Select the regions in which a search finds offers, and name those that were read too long ago."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.deadlines import OFFERS_STALE_AFTER
from chalicelib.domain.common.text import format_age
from chalicelib.domain.offers.left_out import LeftOutCode, LeftOutCollector
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.query import OfferQuery


@dataclass(frozen=True)
class StaleRegion:
    """A region whose offers are older than they should be. They are used nevertheless."""

    region: str
    read_at: datetime
    message: str


def select_readings(
    query: OfferQuery, context: OfferContext, types: Sequence[InstanceType], left_out: LeftOutCollector
) -> Iterator[RegionOfferings]:
    """Yield what was read of the regions in which an instance can be launched. The others get into `left_out`."""
    with_price = {region for item in types for region in (*item.prices, *item.unpriced_regions)}
    regions = [query.region] if query.region else sorted({*context.deployed_regions, *with_price})
    for region in regions:
        reading = context.offerings.get(region)
        if context.is_opted_out(region):
            message = "The AWS account has not opted in to this region. An administrator of the account can enable it."
            left_out.add(LeftOutCode.NOT_OPTED_IN, message, region)
        elif region not in context.deployed_regions:
            left_out.add(LeftOutCode.NOT_DEPLOYED, "gpudesk is not deployed in this region.", region)
        elif context.limits.regions and region not in context.limits.regions:
            left_out.add(LeftOutCode.REGION_NOT_ALLOWED, "The limits of this desk do not allow this region.", region)
        elif reading is None:
            message = "The offers of this region have not been read yet. gpudesk tries every 5 minutes."
            left_out.add(LeftOutCode.NOT_READ, message, region)
        else:
            yield reading


def list_stale_regions(readings: Sequence[RegionOfferings], now: datetime) -> Iterator[StaleRegion]:
    """Yield the regions whose last reading is old."""
    for reading in readings:
        age = now - reading.read_at
        if age > OFFERS_STALE_AFTER:
            message = f"Zones and prices of {reading.region} were read {format_age(age)}."
            yield StaleRegion(reading.region, reading.read_at, message)
