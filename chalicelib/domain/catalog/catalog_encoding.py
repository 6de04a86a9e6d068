"""Encode the catalog as the JSON of its files: the inverse of `catalog_parsing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.document import CatalogDocument, FamilyPrices, Prices
from chalicelib.domain.catalog.families import TypeFamily
from chalicelib.domain.catalog.gpu_models import GpuModel
from chalicelib.domain.catalog.type_facts import TypeFacts


def encode_document(document: CatalogDocument) -> dict[str, dict[str, Any]]:
    """Return the JSON of each file by the name of the file: gpus, families, prices."""
    return {
        "gpus": {name: _encode_model(model) for name, model in sorted(document.gpu_models.items())},
        "families": {name: _encode_family(family) for name, family in sorted(document.families.items())},
        "prices": _encode_prices(document.prices, document.image_sizes),
    }


def _encode_model(model: GpuModel) -> dict[str, Any]:
    return {
        "maker": model.maker,
        **({"aws_name": model.aws_name} if model.aws_name != model.name else {}),
        **({"aws_memory_mib": model.aws_memory_mib} if model.aws_memory_mib is not None else {}),
        "architecture": model.architecture,
        "compute_capability": model.compute_capability,
        "peaks": asdict(model.peaks),
        "cuda": [model.cuda.first, model.cuda.last],
        "drivers": [model.drivers.first, model.drivers.last],
        "source": model.source,
    }


def _encode_family(family: TypeFamily) -> dict[str, Any]:
    return {
        "status": family.status.value,
        "image": family.image,
        **({"obstacle": family.obstacle.value} if family.obstacle else {}),
        **({"instead": family.instead} if family.instead else {}),
        "source": family.source,
        "as_of": family.as_of.isoformat(),
        "types": {name: encode_type(facts) for name, facts in family.types.items()},
    }


def encode_type(facts: TypeFacts) -> dict[str, Any]:
    """Return the facts of a type without its name, which is their key."""
    is_slice = facts.gpu_partition_size != 1
    return {
        "gpu": facts.gpu,
        "gpu_count": facts.gpu_count,
        "gpu_memory_mib": facts.gpu_memory_mib,
        **({"gpu_partition_size": facts.gpu_partition_size} if is_slice else {}),
        "vcpus": facts.vcpus,
        "memory_mib": facts.memory_mib,
        "arch": facts.arch,
        "disks": None if facts.disks is None else [[each.count, each.size_gb] for each in facts.disks],
        "network": facts.network,
        "network_cards": facts.network_cards,
        "has_efa": facts.has_efa,
        "host": facts.host.value if facts.host else None,
        "usage_classes": None if facts.usage_classes is None else list(facts.usage_classes),
    }


def _encode_prices(prices: Prices, image_sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "priced_at": prices.priced_at.isoformat(),
        "source": prices.source,
        "address_usd_per_hour": str(prices.address_per_hour),
        "disk_usd_per_gib_month": _encode_decimals(prices.disk_per_gib_month),
        "snapshot_usd_per_gib_month": _encode_decimals(prices.snapshot_per_gib_month),
        "image_gib": dict(sorted(image_sizes.items())),
        "families": {name: _encode_family_prices(family) for name, family in sorted(prices.families.items())},
    }


def _encode_family_prices(prices: FamilyPrices) -> dict[str, Any]:
    return {
        "source": prices.source,
        "as_of": prices.as_of.isoformat(),
        "types": {name: _encode_decimals(by_region) for name, by_region in prices.by_type.items()},
    }


def _encode_decimals(values: Mapping[str, Decimal | None]) -> dict[str, str | None]:
    return {key: None if value is None else str(value) for key, value in sorted(values.items())}
