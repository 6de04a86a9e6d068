"""The content of the catalog's files: GPU models, families with their types, and prices, each with source and day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.catalog.availability import describe_unavailability
from chalicelib.domain.catalog.families import TypeFamily
from chalicelib.domain.catalog.gpu_models import GpuModel
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.type_facts import TypeFacts

PRICE_LIST = "AWS Price List"
"""Source of the prices that the scheduled refresh has read."""


@dataclass(frozen=True, kw_only=True)
class FamilyPrices:
    """Prices of the types of a family.

    :param source: where they come from
    :param as_of: day on which they were collected
    :param by_type: USD per hour by type and region; None: the region offers the type, and no source says its price
    :param read_at: when the scheduled refresh read prices from the Price List, by type; the others are packaged
    """

    source: str
    as_of: date
    by_type: Mapping[str, Mapping[str, Decimal | None]]
    read_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """All prices. `InstanceTypeCatalog` describes those that do not depend on a type."""

    priced_at: date
    source: str
    disk_per_gib_month: Mapping[str, Decimal]
    snapshot_per_gib_month: Mapping[str, Decimal]
    address_per_hour: Decimal
    families: Mapping[str, FamilyPrices]

    def get_prices(self, family: str, type_name: str) -> Mapping[str, Decimal | None]:
        """Return the prices of a type by region; empty: none is known."""
        prices = self.families.get(family)
        return prices.by_type.get(type_name, {}) if prices else {}


@dataclass(frozen=True, kw_only=True)
class CatalogDocument:
    """The content of the files of the catalog.

    :param image_sizes: GiB of the public images by SSM parameter
    """

    gpu_models: Mapping[str, GpuModel]
    families: Mapping[str, TypeFamily]
    prices: Prices
    image_sizes: Mapping[str, int] = field(default_factory=dict)

    def list_types(self) -> Iterator[tuple[TypeFamily, TypeFacts]]:
        """Yield every type with its family."""
        for family in self.families.values():
            for facts in family.types.values():
                yield family, facts


def build_catalog(document: CatalogDocument) -> InstanceTypeCatalog:
    """Return the catalog of a document."""
    prices = document.prices
    return InstanceTypeCatalog(
        types={facts.name: _build_type(document, family, facts) for family, facts in document.list_types()},
        gpu_models=document.gpu_models,
        priced_at=prices.priced_at,
        source=prices.source,
        disk_per_gib_month=prices.disk_per_gib_month,
        snapshot_per_gib_month=prices.snapshot_per_gib_month,
        address_price_per_hour=prices.address_per_hour,
        image_sizes=document.image_sizes,
    )


def _build_type(document: CatalogDocument, family: TypeFamily, facts: TypeFacts) -> InstanceType:
    collected = document.prices.families.get(family.name)
    by_region = document.prices.get_prices(family.name, facts.name)
    prices = {region: usd for region, usd in by_region.items() if usd is not None}
    read_at = collected.read_at.get(facts.name) if collected else None
    source = PRICE_LIST if read_at else collected.source if collected else None
    priced_at = read_at.date() if read_at else collected.as_of if collected else None
    unavailable = describe_unavailability(facts, family, has_price=bool(prices))
    model = document.gpu_models[facts.gpu] if facts.gpu else None
    return InstanceType(
        **vars(facts),
        family=family.name,
        status=family.status,
        gpu_maker=model.maker if model else None,
        compute_capability=model.compute_capability if model else None,
        image=None if unavailable else family.image,
        unavailable=unavailable,
        prices=prices,
        unpriced_regions=tuple(region for region, usd in by_region.items() if usd is None),
        priced_at=priced_at if prices else None,
        price_source=source if prices else None,
        prices_read_at=read_at,
    )
