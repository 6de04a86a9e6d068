"""Find the offers that match a query, in their order, and say what is left out and why. Nothing here calls AWS."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.left_out import LeftOut, LeftOutCode, LeftOutCollector
from chalicelib.domain.offers.mismatch import leave_out_mismatch
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.places import find_distance_km
from chalicelib.domain.offers.query import OfferQuery, select_types
from chalicelib.domain.offers.quota_filter import leave_out_exceeded
from chalicelib.domain.offers.quotas import find_headroom_in_reading
from chalicelib.domain.offers.ranking import RankedOffer, rank_offers
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.searched_regions import StaleRegion, list_stale_regions, select_readings

MARKET_TEXTS = {Market.ON_DEMAND: "on demand", Market.SPOT: "on the spot market"}


@dataclass(frozen=True, kw_only=True)
class OfferResult:
    """The result of a search.

    :param as_of: the time of the oldest reading that was searched; None: no region has been read
    """

    offers: tuple[RankedOffer, ...]
    left_out: tuple[LeftOut, ...]
    stale_regions: tuple[StaleRegion, ...]
    as_of: datetime | None


def find_offers(query: OfferQuery, context: OfferContext) -> OfferResult:
    """Return the offers that match a query, the best first, and what is left out."""
    left_out, known = LeftOutCollector(), tuple(context.catalog.types.values())
    leave_out_mismatch(query, known, left_out)
    types = select_types(query, known, context.limits, left_out)
    readings = list(select_readings(query, context, types, left_out))
    offers = [
        offer
        for reading in readings
        for offer in _list_offers(query, context, reading, types, left_out)
        if _is_affordable(query, offer, left_out)
    ]
    return OfferResult(
        offers=rank_offers(leave_out_exceeded(offers, left_out), context.now),
        left_out=tuple(left_out.list_groups()),
        stale_regions=tuple(list_stale_regions(readings, context.now)),
        as_of=min((reading.read_at for reading in readings), default=None),
    )


def _list_offers(
    query: OfferQuery,
    context: OfferContext,
    reading: RegionOfferings,
    types: Sequence[InstanceType],
    left_out: LeftOutCollector,
) -> Iterator[Offer]:
    """Yield the offers of a region, at any price."""
    distance = find_distance_km(context.origin, reading.region)
    capacity = context.capacity.get(reading.region, RegionCapacity())
    for item in types:
        offering = reading.types.get(item.name)
        if offering is None or not offering.spot:
            left_out.add(LeftOutCode.NOT_OFFERED, f"{reading.region} does not offer this type.", item.name)
            continue
        markets = [market for market in query.markets if _is_sold(item, market, left_out)]
        headrooms = {market: find_headroom_in_reading(reading.quotas, item, market, context.now) for market in markets}
        for zone in offering.spot:
            if not reading.has_subnet(zone):
                left_out.add(LeftOutCode.NO_SUBNET, f"gpudesk has no subnet in {zone}.", item.name)
                continue
            for market in markets:
                yield Offer(
                    instance_type=item.name,
                    region=reading.region,
                    zone=zone,
                    market=market,
                    price=_build_price(reading, item.name, zone, market),
                    distance_km=distance,
                    record=capacity.find_record(item.name, zone, market),
                    headroom=headrooms[market],
                )


def _is_sold(item: InstanceType, market: Market, left_out: LeftOutCollector) -> bool:
    """Return whether AWS sells a type on a market; also if that is unknown. Otherwise it gets into `left_out`."""
    if item.usage_classes is None or market in item.usage_classes:
        return True
    left_out.add(LeftOutCode.NOT_SOLD, f"AWS does not sell this type {MARKET_TEXTS[market]}.", item.name)
    return False


def _build_price(reading: RegionOfferings, type_name: str, zone: str, market: Market) -> Price | None:
    offering = reading.types[type_name]
    if market is Market.SPOT:
        amount = offering.spot[zone]
        if amount is None:
            return None
        return Price(usd_per_hour=amount, source=PriceSource.SPOT_PRICE_HISTORY, read_at=reading.read_at)
    if offering.on_demand is None or offering.priced_on is None:
        return None
    if offering.priced_at is not None:
        return Price(usd_per_hour=offering.on_demand, source=PriceSource.PRICING_API, read_at=offering.priced_at)
    read_at = datetime.combine(offering.priced_on, time(), UTC)
    return Price(usd_per_hour=offering.on_demand, source=PriceSource.CATALOG, read_at=read_at)


def _is_affordable(query: OfferQuery, offer: Offer, left_out: LeftOutCollector) -> bool:
    """Return whether an offer costs at most the price of the query. Otherwise it gets into `left_out`."""
    limit, subject = query.max_price, f"{offer.instance_type} {offer.market} in {offer.region}"
    if limit is None:
        return True
    if offer.price is None:
        message = "The price is unknown, so it cannot be compared with max_price."
        left_out.add(LeftOutCode.PRICE_UNKNOWN, message, subject)
        return False
    if offer.price.usd_per_hour > limit:
        left_out.add(LeftOutCode.PRICE_TOO_HIGH, f"Costs more than ${limit:f} per hour.", subject)
        return False
    return True
