"""Parse the instance type catalog from the JSON of `chalicelib/data/catalog.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog, Peaks


def parse_catalog(data: Mapping[str, Any]) -> InstanceTypeCatalog:
    """Build the catalog from its JSON.

    :raises KeyError: a field is missing
    :raises TypeError: a value has the wrong type
    :raises ValueError: a value has the wrong form
    """
    capabilities = {name: model["compute_capability"] for name, model in data["gpus"].items()}
    return InstanceTypeCatalog(
        types={name: _parse_type(name, entry, capabilities.get) for name, entry in data["types"].items()},
        peaks={name: Peaks(**model["peaks"]) for name, model in data["gpus"].items()},
        priced_at=date.fromisoformat(data["priced_at"]),
        source=data["source"],
        disk_per_gib_month=_parse_decimals(data["disk_usd_per_gib_month"]),
        snapshot_per_gib_month=_parse_decimals(data["snapshot_usd_per_gib_month"]),
        address_price_per_hour=Decimal(data["address_usd_per_hour"]),
        image_sizes={parameter: int(gib) for parameter, gib in data.get("image_gib", {}).items()},
    )


def _parse_type(name: str, entry: Mapping[str, Any], capability: Callable[[str], str | None]) -> InstanceType:
    return InstanceType(
        name=name,
        family=entry["family"],
        gpu=entry["gpu"],
        gpu_count=int(entry["gpu_count"]),
        gpu_memory_mib=int(entry["gpu_memory_mib"]),
        compute_capability=capability(entry["gpu"]) if entry["gpu"] else None,
        vcpus=int(entry["vcpus"]),
        memory_gib=float(entry["memory_gib"]),
        arch=entry["arch"],
        status=entry["status"],
        quota_code=entry["quota_code"],
        image=entry["image"],
        unavailable=entry["unavailable"],
        prices=_parse_decimals(entry["prices"]),
        instance_store_gb=int(entry["instance_store_gb"]),
    )


def _parse_decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(text) for key, text in texts.items()}
