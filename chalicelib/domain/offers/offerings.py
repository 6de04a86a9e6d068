"""Define what a refresh has read of a region: its zones, the types that they offer, their prices, and quotas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.offers.quotas import QuotaReading


@dataclass(frozen=True)
class TypeOffering:
    """An instance type in a region.

    :param on_demand: USD per hour; None: unknown
    :param priced_on: the day on which the on-demand price was collected; None: it is unknown
    :param priced_at: the minute in which the on-demand price was read from the Price List; None: it is the packaged one
    :param spot: USD per hour by zone; None: the zone offers the type, and EC2 shows no spot price
    """

    on_demand: Decimal | None = None
    priced_on: date | None = None
    spot: Mapping[str, Decimal | None] = field(default_factory=dict)
    priced_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RegionOfferings:
    """The instance types of a region, as of one reading.

    :param read_at: when zones and spot prices were read
    :param types: the types of the catalog that at least one zone offers, by name
    :param quotas: those of EC2; None: they have not been read yet
    :param subnet_zones: the zones with a subnet that a launch can use; None: they have not been read yet
    """

    region: str
    read_at: datetime
    types: Mapping[str, TypeOffering]
    quotas: QuotaReading | None = None
    subnet_zones: frozenset[str] | None = None

    def has_subnet(self, zone: str) -> bool:
        """Return whether a launch finds a subnet in a zone; also if that is unknown."""
        return self.subnet_zones is None or zone in self.subnet_zones
