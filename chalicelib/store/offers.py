"""The offers table: two items for each region, so that one call reads all regions.

One item has the records of capacity (`capacity_codec.py`). The other one has compressed lines, one for each instance
type: its name, its on-demand price with the day of the price or `-`, and for each zone the letter at the end of its
name and its spot price, if it has one:

    g4dn.xlarge 0.526@2026-11-23 a0.1578 b0.1601 c

AWS offers GPUs in about 2,200 pairs of a type and a zone. They take 15 KB in all regions together. As JSON they would
take more than 100 KB, which DynamoDB would bill for every search.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import partial

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)

from chalicelib.domain.common.deadlines import OFFERS_RETENTION
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.store.capacity_codec import decode_capacity
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import read_or_log
from chalicelib.store.quota_lines import format_quotas, parse_quotas

NO_PRICE = "-"

CAPACITY_PREFIX = "capacity#"
"""Begins the keys of the items with records of capacity."""

_ZONE = re.compile(r"([a-z])([0-9.]*)")


class OfferModel(TableModel):
    """The zones, prices and quotas of one region, or its records of capacity.

    Quotas have a time of their own: they can be older.

    :cvar region: the region, or `capacity#` and the region
    """

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "offers"

    region = UnicodeAttribute(hash_key=True)
    read_at = UTCDateTimeAttribute(null=True)
    types = BinaryAttribute(legacy_encoding=False, null=True)
    capacity = BinaryAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute(null=True)
    quotas = UnicodeAttribute(null=True)
    quotas_read_at = UTCDateTimeAttribute(null=True)
    expires_at = TTLAttribute(null=True)


class OfferRepository:
    """The offers table."""

    def save(self, offerings: RegionOfferings) -> None:
        """Replace what was read of a region before. The last writer wins: each of them has just read it."""
        OfferModel(
            offerings.region,
            read_at=offerings.read_at,
            types=encode_types(offerings.region, offerings.types),
            quotas=format_quotas(offerings.quotas) if offerings.quotas else None,
            quotas_read_at=offerings.quotas.read_at if offerings.quotas else None,
            expires_at=offerings.read_at + OFFERS_RETENTION,
        ).save()

    def get_many(self, regions: Iterable[str]) -> Mapping[str, RegionOfferings]:
        """Return what was read of regions, by region, without unreadable items. DynamoDB is called once."""
        read = {item.region: _read_offerings(item) for item in OfferModel.batch_get(list(regions))}
        return {region: offerings for region, offerings in read.items() if offerings}

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        """Return what was read of regions, and their records of capacity. DynamoDB is called once.

        :param is_consistent: a launch that was refused reads what the refusal has just added
        """
        keys = {build_capacity_key(region): region for region in regions}
        offerings, capacity = {}, {}
        for item in OfferModel.batch_get([*keys.values(), *keys], consistent_read=is_consistent):
            if item.region in keys:
                capacity[keys[item.region]] = read_capacity(item)
            elif reading := _read_offerings(item):
                offerings[item.region] = reading
        return offerings, capacity


def build_capacity_key(region: str) -> str:
    """Return the key of the item with the records of capacity of a region."""
    return f"{CAPACITY_PREFIX}{region}"


def read_capacity(item: OfferModel | None) -> RegionCapacity:
    """Return the records of an item; none if there is no item or it is unreadable, which is logged."""
    if item is None:
        return RegionCapacity()
    return read_or_log(item.region, partial(decode_capacity, item.capacity)) or RegionCapacity()


def _read_offerings(item: OfferModel) -> RegionOfferings | None:
    """Return what was read of a region; None: the item is unreadable, which is logged."""
    return read_or_log(f"offers of {item.region}", partial(_to_offerings, item))


def encode_types(region: str, types: Mapping[str, TypeOffering]) -> bytes:
    """Return the types of a region as compressed lines.

    :raises ValueError: the name of a zone is not that of the region with a letter
    """
    return zlib.compress(format_types(region, types).encode(), level=9)


def decode_types(region: str, content: bytes) -> dict[str, TypeOffering]:
    """Return the types of compressed lines, by name.

    :raises ValueError: the content is not compressed, or a line is not in the form of this module
    """
    try:
        return parse_types(region, zlib.decompress(content).decode())
    except zlib.error as error:
        raise ValueError(f"the types of {region} are not compressed: {error}") from error


def format_types(region: str, types: Mapping[str, TypeOffering]) -> str:
    """Return the types of a region as lines, sorted by name.

    :raises ValueError: the name of a zone is not that of the region with a letter
    """
    return "\n".join(" ".join(_encode_type(region, name, types[name])) for name in sorted(types))


def parse_types(region: str, text: str) -> dict[str, TypeOffering]:
    """Return the types of lines, by name.

    :raises ValueError: a line is not in the form of this module
    """
    types = {}
    for line in text.splitlines():
        name, on_demand, *zones = line.split(" ")
        spot = dict(_decode_zone(region, zone) for zone in zones)
        price, _, day = on_demand.partition("@")
        is_priced = on_demand != NO_PRICE
        types[name] = TypeOffering(
            _to_price(price) if is_priced else None, date.fromisoformat(day) if is_priced else None, spot
        )
    return types


def _encode_type(region: str, name: str, offering: TypeOffering) -> Iterator[str]:
    yield name
    price, day = offering.on_demand, offering.priced_on
    yield NO_PRICE if price is None or day is None else f"{_format_price(price)}@{day.isoformat()}"
    for zone, price in sorted(offering.spot.items()):
        letter = zone.removeprefix(region)
        if not _ZONE.fullmatch(letter):
            raise ValueError(f"{zone} is not a zone of {region}")
        yield letter + ("" if price is None else _format_price(price))


def _decode_zone(region: str, text: str) -> tuple[str, Decimal | None]:
    match = _ZONE.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:40]!r} is not a zone with a price")
    return region + match[1], _to_price(match[2]) if match[2] else None


def _format_price(price: Decimal) -> str:
    """Return a price without zeros at its end."""
    return format(price.normalize(), "f")


def _to_price(text: str) -> Decimal:
    """Return the price of a text.

    :raises ValueError: it is not a number
    """
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text[:40]!r} is not a price") from error


def _to_offerings(item: OfferModel) -> RegionOfferings:
    return RegionOfferings(
        region=item.region,
        read_at=item.read_at,
        types=decode_types(item.region, item.types),
        quotas=parse_quotas(item.quotas, item.quotas_read_at) if item.quotas and item.quotas_read_at else None,
    )
