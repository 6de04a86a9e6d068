"""Parse the catalog from the JSON files in `chalicelib/data/catalog`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.document import CatalogDocument, FamilyPrices, Prices, build_catalog
from chalicelib.domain.catalog.families import FamilyStatus, Obstacle, TypeFamily
from chalicelib.domain.catalog.gpu_models import GpuModel, Peaks, VersionRange
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.type_facts import HostKind, LocalDisks, TypeFacts


def parse_catalog(data: Mapping[str, Any]) -> InstanceTypeCatalog:
    """Build the catalog from the JSON of its files. It raises what `parse_document` raises."""
    return build_catalog(parse_document(data))


def parse_document(data: Mapping[str, Any]) -> CatalogDocument:
    """Return the content of the files.

    :param data: the JSON of each file by the name of the file: gpus, families, prices
    :raises KeyError: a field is missing
    :raises TypeError: a value has the wrong type
    :raises ValueError: a value has the wrong form
    """
    prices = data["prices"]
    return CatalogDocument(
        gpu_models={name: _parse_model(name, entry) for name, entry in data["gpus"].items()},
        families={name: _parse_family(name, entry) for name, entry in data["families"].items()},
        prices=Prices(
            priced_at=date.fromisoformat(prices["priced_at"]),
            source=prices["source"],
            disk_per_gib_month=_parse_decimals(prices["disk_usd_per_gib_month"]),
            snapshot_per_gib_month=_parse_decimals(prices["snapshot_usd_per_gib_month"]),
            address_per_hour=Decimal(prices["address_usd_per_hour"]),
            families={name: _parse_prices(entry) for name, entry in prices["families"].items()},
        ),
        image_sizes={parameter: int(gib) for parameter, gib in prices.get("image_gib", {}).items()},
    )


def _parse_model(name: str, entry: Mapping[str, Any]) -> GpuModel:
    return GpuModel(
        name=name,
        maker=entry["maker"],
        aws_name=entry.get("aws_name", name),
        aws_memory_mib=entry.get("aws_memory_mib"),
        architecture=entry["architecture"],
        compute_capability=entry["compute_capability"],
        peaks=Peaks(**entry["peaks"]),
        cuda=VersionRange(*entry["cuda"]),
        drivers=VersionRange(*entry["drivers"]),
        source=entry["source"],
    )


def _parse_family(name: str, entry: Mapping[str, Any]) -> TypeFamily:
    obstacle = entry.get("obstacle")
    return TypeFamily(
        name=name,
        status=FamilyStatus(entry["status"]),
        image=entry["image"],
        obstacle=Obstacle(obstacle) if obstacle else None,
        instead=entry.get("instead"),
        source=entry["source"],
        as_of=date.fromisoformat(entry["as_of"]),
        types={type_name: parse_type(type_name, facts) for type_name, facts in entry["types"].items()},
    )


def parse_type(name: str, entry: Mapping[str, Any]) -> TypeFacts:
    """Return the facts of a type. It raises what `parse_document` raises."""
    disks, usage_classes = entry["disks"], entry["usage_classes"]
    return TypeFacts(
        name=name,
        gpu=entry["gpu"],
        gpu_count=entry["gpu_count"],
        gpu_memory_mib=entry["gpu_memory_mib"],
        gpu_partition_size=entry.get("gpu_partition_size", 1.0),
        vcpus=entry["vcpus"],
        memory_mib=entry["memory_mib"],
        arch=entry["arch"],
        disks=None if disks is None else tuple(LocalDisks(*each) for each in disks),
        network=entry["network"],
        network_cards=entry["network_cards"],
        has_efa=entry["has_efa"],
        host=HostKind(entry["host"]) if entry["host"] else None,
        usage_classes=None if usage_classes is None else tuple(usage_classes),
    )


def _parse_prices(entry: Mapping[str, Any]) -> FamilyPrices:
    return FamilyPrices(
        source=entry["source"],
        as_of=date.fromisoformat(entry["as_of"]),
        by_type={
            name: {region: None if usd is None else Decimal(usd) for region, usd in prices.items()}
            for name, prices in entry["types"].items()
        },
    )


def _parse_decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(text) for key, text in texts.items()}
