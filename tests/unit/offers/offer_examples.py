"""Offers and readings for tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, replay
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.places import PLACES
from chalicelib.store.data_files import load_catalog

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRICED_ON = NOW.date()


def build_price(usd: str, read_at: datetime = NOW, source: PriceSource = PriceSource.SPOT_PRICE_HISTORY) -> Price:
    return Price(usd_per_hour=Decimal(usd), source=source, read_at=read_at)


def build_offer(usd: str | None = "0.5", **fields: Any) -> Offer:
    """Return an offer at a price, or at an unknown one."""
    defaults = {"instance_type": "g4dn.xlarge", "region": "us-east-1", "zone": "us-east-1a", "market": Market.ON_DEMAND}
    return Offer(price=build_price(usd) if usd else None, **{**defaults, **fields})


def record_results(*results: Result, at: datetime = NOW) -> CapacityRecord:
    """Return the record of results that EC2 gave at one time."""
    return replay((result, at) for result in results)


def build_reading(region: str, read_at: datetime = NOW, **types: TypeOffering) -> RegionOfferings:
    """Return a reading, with `g4dn_xlarge=` for g4dn.xlarge."""
    named = {name.replace("_", "."): offering for name, offering in types.items()}
    return RegionOfferings(region=region, read_at=read_at, types=named)


def build_context(*readings: RegionOfferings, regions: tuple[str, ...] = (), **fields: Any) -> OfferContext:
    """Return the context of a search from N. Virginia.

    :param regions: those in which gpudesk is set up and that nobody has read yet
    """
    defaults: dict[str, Any] = {"limits": Limits(), "origin": PLACES["us-east-1"]}
    return OfferContext(
        catalog=load_catalog(),
        deployed_regions=(*(reading.region for reading in readings), *regions),
        offerings={reading.region: reading for reading in readings},
        now=NOW,
        **{**defaults, **fields},
    )
