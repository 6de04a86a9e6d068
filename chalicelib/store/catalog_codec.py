"""Encode what the refresh has read of the catalog as compressed JSON.

The descriptions are in the form of the catalog's files. Times are written once: most parts have been read at the same
minute. Regions are written as their place in a list.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.catalog_encoding import encode_type
from chalicelib.domain.catalog.catalog_parsing import parse_type
from chalicelib.domain.catalog.reading import CatalogReading, RegionOptIns, RegionTypes, TypePrices
from chalicelib.domain.catalog.refresh import DescribedType


def encode_reading(reading: CatalogReading) -> bytes:
    """Return a reading as compressed JSON."""
    return zlib.compress(json.dumps(_encode(reading), separators=(",", ":")).encode(), level=9)


def decode_reading(content: bytes) -> CatalogReading:
    """Return the reading of compressed JSON.

    :raises ValueError: the content is not in the form of this module
    """
    try:
        return _decode(json.loads(zlib.decompress(content)))
    except (zlib.error, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"the catalog's refresh is not in the form of this release: {error!r}") from error


def _encode(reading: CatalogReading) -> dict[str, Any]:
    regions = sorted({region for each in reading.prices.values() for region in each.by_region})
    places = {region: place for place, region in enumerate(regions)}
    opt_ins = reading.opt_ins
    return {
        "types": {name: _encode_type(described) for name, described in sorted(reading.types.items())},
        "regions": {
            name: [each.read_at.isoformat(), list(each.offered)] for name, each in sorted(reading.regions.items())
        },
        "price_regions": regions,
        "prices": {
            name: [
                each.read_at.isoformat(),
                [[places[region], str(usd)] for region, usd in sorted(each.by_region.items())],
            ]
            for name, each in sorted(reading.prices.items())
        },
        "opt_ins": [opt_ins.read_at.isoformat(), dict(opt_ins.statuses)] if opt_ins else None,
    }


def _encode_type(described: DescribedType) -> list[Any]:
    return [encode_type(described.facts), described.gpu_maker, described.is_current_generation]


def _decode(data: Mapping[str, Any]) -> CatalogReading:
    opt_ins, regions = data["opt_ins"], data["price_regions"]
    return CatalogReading(
        types={name: _decode_type(name, *entry) for name, entry in data["types"].items()},
        regions={
            name: RegionTypes(read_at=datetime.fromisoformat(at), offered=tuple(offered))
            for name, (at, offered) in data["regions"].items()
        },
        prices={name: _decode_prices(regions, *entry) for name, entry in data["prices"].items()},
        opt_ins=RegionOptIns(read_at=datetime.fromisoformat(opt_ins[0]), statuses=opt_ins[1]) if opt_ins else None,
    )


def _decode_type(name: str, facts: Mapping[str, Any], gpu_maker: str | None, is_current: bool) -> DescribedType:
    return DescribedType(facts=parse_type(name, facts), gpu_maker=gpu_maker, is_current_generation=is_current)


def _decode_prices(regions: Sequence[str], read_at: str, prices: Sequence[tuple[int, str]]) -> TypePrices:
    by_region = {regions[place]: Decimal(usd) for place, usd in prices}
    return TypePrices(read_at=datetime.fromisoformat(read_at), by_region=by_region)
