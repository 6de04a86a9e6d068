"""The types of a region as compressed lines, one for each instance type.

A line has the name of the type, its on-demand price with the day or the time of the price or `-`, and for each zone the
letter at the end of its name and its spot price, if it has one:

    g4dn.xlarge 0.526@2026-11-23 a0.1578 b0.1601 c

AWS offers GPUs in about 2,200 pairs of a type and a zone. They take 15 KB in all regions together. As JSON they would
take more than 100 KB, which DynamoDB would bill for every search.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.offers.offerings import TypeOffering

NO_PRICE = "-"

_ZONE = re.compile(r"([a-z])([0-9.]*)")


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
            _to_price(price) if is_priced else None,
            date.fromisoformat(day.partition("T")[0]) if is_priced else None,
            spot,
            datetime.fromisoformat(day) if "T" in day else None,
        )
    return types


def _encode_type(region: str, name: str, offering: TypeOffering) -> Iterator[str]:
    yield name
    price, day, at = offering.on_demand, offering.priced_on, offering.priced_at
    if price is None or day is None:
        yield NO_PRICE
    else:
        yield f"{_format_price(price)}@{at.isoformat(timespec='minutes') if at else day.isoformat()}"
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
