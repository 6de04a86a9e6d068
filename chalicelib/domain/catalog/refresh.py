"""Merge what AWS says today into the catalog. Types that AWS has added are accepted without a new release.

Figures that AWS does not publish (compute capability, peaks, obstacles) stay as they are written down. Those of a new
GPU are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.document import CatalogDocument, FamilyPrices, Prices
from chalicelib.domain.catalog.families import (
    FamilyStatus,
    TypeFamily,
    choose_image_parameter,
    get_family_name,
)
from chalicelib.domain.catalog.gpu_models import GpuModel, find_model
from chalicelib.domain.catalog.type_facts import TypeFacts


@dataclass(frozen=True, kw_only=True)
class DescribedType:
    """An instance type as EC2 describes it.

    :param facts: its `gpu` is the name at AWS, which may belong to several models
    """

    facts: TypeFacts
    gpu_maker: str | None
    is_current_generation: bool


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """Result of one reading of AWS.

    :param source: what was read, for people
    :param types: what DescribeInstanceTypes returned
    :param prices: USD per hour by type and region, from the Price List
    :param price_times: when prices were read, by type; a type that is missing was read on the day of its family
    :param regions: the regions whose offers were read
    :param offers: those of them that offer each type
    :param image_sizes: GiB of the public images by SSM parameter
    """

    read_on: date
    source: str
    types: tuple[DescribedType, ...] = ()
    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    price_times: Mapping[str, datetime] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    image_sizes: Mapping[str, int] = field(default_factory=dict)


def merge_refresh(document: CatalogDocument, refresh: Refresh) -> CatalogDocument:
    """Return the catalog with the facts and prices of a reading. What was not read stays as it is.

    A type that AWS no longer describes stays, too: one account or one reading may not see it.
    """
    for described in refresh.types:
        document = _merge_type(document, described, refresh)
    return replace(
        document,
        families=_update_families(document.families, refresh),
        prices=_merge_prices(document.prices, refresh),
        image_sizes={**document.image_sizes, **refresh.image_sizes},
    )


def _merge_type(document: CatalogDocument, described: DescribedType, refresh: Refresh) -> CatalogDocument:
    model = _identify_model(document.gpu_models, described, refresh)
    facts = replace(described.facts, gpu=model.name if model else None)
    name = get_family_name(facts.name)
    family = document.families.get(name) or _build_family(name, described, refresh)
    known = family.types.get(facts.name)
    facts = _fill_gaps(facts, known) if known else facts
    family = replace(family, types={**family.types, facts.name: facts})
    models = document.gpu_models if model is None else {**document.gpu_models, model.name: model}
    return replace(document, gpu_models=models, families={**document.families, name: family})


def _identify_model(models: Mapping[str, GpuModel], described: DescribedType, refresh: Refresh) -> GpuModel | None:
    """Return the model of the GPU, a new one if the catalog does not know it; None: the type has no GPU."""
    facts, aws_name = described.facts, described.facts.gpu
    if aws_name is None:
        return None
    is_whole = facts.gpu_partition_size >= 1
    memory_mib = facts.gpu_memory_mib if is_whole else None
    found = find_model(models.values(), aws_name, memory_mib)
    if found:
        return found
    has_namesake = aws_name in models or any(model.aws_name == aws_name for model in models.values())
    name = f"{aws_name} {round((memory_mib or 0) / 1024)}GB" if has_namesake and memory_mib else aws_name
    return GpuModel(
        name=name,
        maker=described.gpu_maker,
        aws_name=aws_name,
        aws_memory_mib=memory_mib if has_namesake else None,
        source=refresh.source,
    )


def _build_family(name: str, described: DescribedType, refresh: Refresh) -> TypeFamily:
    return TypeFamily(
        name=name,
        status=FamilyStatus.CURRENT,
        image=choose_image_parameter(described.facts.arch, described.gpu_maker),
        obstacle=None,
        instead=None,
        source=refresh.source,
        as_of=refresh.read_on,
        types={},
    )


def _fill_gaps(facts: TypeFacts, known: TypeFacts) -> TypeFacts:
    """Return the facts, with the known value of each that AWS did not return."""
    gaps: dict[str, Any] = {name: vars(known)[name] for name, value in vars(facts).items() if value is None}
    return replace(facts, **gaps)


def _update_families(families: Mapping[str, TypeFamily], refresh: Refresh) -> dict[str, TypeFamily]:
    """Return the families with their generation, and with the source if AWS described all their types."""
    by_family: dict[str, list[DescribedType]] = {}
    for described in refresh.types:
        by_family.setdefault(get_family_name(described.facts.name), []).append(described)
    return {**families, **{name: _update_family(families[name], found, refresh) for name, found in by_family.items()}}


def _update_family(family: TypeFamily, found: Sequence[DescribedType], refresh: Refresh) -> TypeFamily:
    if {described.facts.name for described in found} == family.types.keys():
        family = replace(family, source=refresh.source, as_of=refresh.read_on)
    if family.status is FamilyStatus.ULTRASERVER:  # a rack stays a rack, whatever its generation is
        return family
    is_current = any(described.is_current_generation for described in found)
    return replace(family, status=FamilyStatus.CURRENT if is_current else FamilyStatus.PREVIOUS_GENERATION)


def _merge_prices(prices: Prices, refresh: Refresh) -> Prices:
    """Return the prices, with those of the reading in place of those of the same types."""
    families = dict(prices.families)
    for name in sorted({*refresh.prices, *refresh.offers}):
        read = dict(refresh.prices.get(name, {}))
        family = get_family_name(name)
        before = families.get(family) or FamilyPrices(source=refresh.source, as_of=refresh.read_on, by_type={})
        prices_before = before.by_type.get(name, {})
        unpriced = {*refresh.offers.get(name, ()), *_list_unread_gaps(prices_before, refresh)}
        known = read or {region: usd for region, usd in prices_before.items() if usd is not None}
        read_at = refresh.price_times.get(name)
        is_of_family = read and read_at is None
        families[family] = replace(
            before,
            source=refresh.source if is_of_family else before.source,
            as_of=refresh.read_on if is_of_family else before.as_of,
            by_type={**before.by_type, name: {**dict.fromkeys(sorted(unpriced)), **known}},
            read_at={**before.read_at, name: read_at} if read_at else before.read_at,
        )
    if not refresh.prices:
        return replace(prices, families=families)
    return replace(prices, families=families, priced_at=refresh.read_on)


def _list_unread_gaps(prices: Mapping[str, Decimal | None], refresh: Refresh) -> list[str]:
    """Return the regions without a known price whose offers were not read: they may still offer the type."""
    return [region for region, usd in prices.items() if usd is None and region not in refresh.regions]
