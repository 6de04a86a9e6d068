"""Define what the scheduled refresh has read of AWS, and merge it into the packaged catalog.

Each part has the time at which it was read, so that a part that fails stays as it was and is read again soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.catalog.document import CatalogDocument
from chalicelib.domain.catalog.families import get_family_name
from chalicelib.domain.catalog.refresh import DescribedType, Refresh, merge_refresh

SOURCE = "AWS: DescribeInstanceTypes and the Price List"


@dataclass(frozen=True, kw_only=True)
class RegionTypes:
    """The types of the catalog, and new types with GPUs, that a region offers."""

    read_at: datetime
    offered: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TypePrices:
    """USD per hour of a type by region, from the Price List; empty: it has none."""

    read_at: datetime
    by_region: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RegionOptIns:
    """The opt-in status of the regions of the account.

    :param statuses: OptInStatus of EC2's DescribeRegions by region
    """

    read_at: datetime
    statuses: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CatalogReading:
    """The facts that the refresh has read from AWS. It is empty before the first one.

    :param types: descriptions by the name of the type
    :param opt_ins: None: not read yet
    """

    types: Mapping[str, DescribedType] = field(default_factory=dict)
    regions: Mapping[str, RegionTypes] = field(default_factory=dict)
    prices: Mapping[str, TypePrices] = field(default_factory=dict)
    opt_ins: RegionOptIns | None = None


def merge_reading(document: CatalogDocument, reading: CatalogReading) -> CatalogDocument:
    """Return the packaged catalog with what the refresh has read. Nothing that is packaged gets lost.

    A release can have newer prices than a refresh that has not succeeded since. Then its own prices are used.
    """
    times = [each.read_at for each in reading.regions.values()] + [each.read_at for each in reading.prices.values()]
    if not times:
        return document
    prices = {name: each for name, each in reading.prices.items() if _is_newer(each, name, document)}
    refresh = Refresh(
        read_on=max(times).date(),
        source=SOURCE,
        types=tuple(reading.types[name] for name in sorted(reading.types)),
        prices={name: each.by_region for name, each in prices.items() if each.by_region},
        price_times={name: each.read_at for name, each in prices.items() if each.by_region},
        regions=tuple(sorted(reading.regions)),
        offers=_map_offers(reading),
    )
    return merge_refresh(document, refresh)


def add_region(
    reading: CatalogReading, region: str, found: RegionTypes, types: Mapping[str, DescribedType]
) -> CatalogReading:
    """Return the reading with what a region offers now. Descriptions of types that it no longer offers stay."""
    return replace(reading, types={**reading.types, **types}, regions={**reading.regions, region: found})


def add_prices(reading: CatalogReading, type_name: str, prices: TypePrices) -> CatalogReading:
    """Return the reading with the prices of a type in place of those before."""
    return replace(reading, prices={**reading.prices, type_name: prices})


def keep_regions(reading: CatalogReading, regions: tuple[str, ...]) -> CatalogReading:
    """Return the reading without the regions that gpudesk has left."""
    return replace(reading, regions={name: each for name, each in reading.regions.items() if name in regions})


def _map_offers(reading: CatalogReading) -> dict[str, tuple[str, ...]]:
    """Return the regions that offer each type, by type."""
    offers: dict[str, tuple[str, ...]] = {}
    for region in sorted(reading.regions):
        for name in reading.regions[region].offered:
            offers[name] = (*offers.get(name, ()), region)
    return offers


def _is_newer(prices: TypePrices, type_name: str, document: CatalogDocument) -> bool:
    """Return whether prices are at least as new as those of the document, or the only ones."""
    packaged = document.prices.families.get(get_family_name(type_name))
    known: date = packaged.as_of if packaged and packaged.by_type.get(type_name) else date.min
    return prices.read_at.date() >= known
