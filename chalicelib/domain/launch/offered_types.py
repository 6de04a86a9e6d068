"""Refuse a launch of what no zone offers, as far as the stored offers say so. What is unknown is never refused.

The offers of a region are read every hour, for the types that the catalog has then. So a reading says nothing about a
type that the catalog may have got later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.common.deadlines import OFFERS_STALE_AFTER
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import join_and, join_or
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.next_offer import find_choice
from chalicelib.domain.offers.offerings import RegionOfferings


@dataclass(frozen=True, kw_only=True)
class StoredOffers:
    """The offers of regions as they were last read.

    :param offerings: by region; a region that has not been read is missing
    """

    catalog: InstanceTypeCatalog
    offerings: Mapping[str, RegionOfferings]
    now: datetime

    def may_offer(self, region: str, types: Iterable[InstanceType]) -> bool:
        """Return whether a zone of a region may offer one of the types."""
        reading = self.offerings.get(region)
        if reading is None or self.now - reading.read_at > OFFERS_STALE_AFTER:
            return True
        return any(_has_zone(reading, item) or _may_be_newer(item, reading) for item in types)

    def offers(self, region: str, types: Iterable[InstanceType]) -> bool:
        """Return whether a zone of a region is known to offer one of the types."""
        reading = self.offerings.get(region)
        return reading is not None and any(_has_zone(reading, item) for item in types)


def list_launch_types(spec: Spec, catalog: InstanceTypeCatalog) -> list[InstanceType]:
    """Return the types that a launch may try: the requested one, or all with the requested GPUs."""
    choice = find_choice(spec)
    if choice.is_type_fixed:
        return [catalog.types[choice.instance_type]] if choice.instance_type in catalog.types else []
    return [
        item
        for item in catalog.types.values()
        if item.gpu in choice.gpus and item.gpu_count == choice.gpu_count and item.unavailable is None
    ]


def find_unoffered(spec: Spec, regions: Iterable[str], stored: StoredOffers) -> FieldError | None:
    """Return that no zone offers what a launch requests, and which regions do; None: one may.

    :param regions: those that launches can use
    :param stored: the offers of all of them
    """
    choice, types, usable = find_choice(spec), list_launch_types(spec, stored.catalog), sorted(regions)
    tried = [choice.region] if choice.is_region_fixed else usable
    if not types or any(stored.may_offer(region, types) for region in tried):
        return None
    offering = [region for region in usable if stored.offers(region, types)]
    if choice.is_type_fixed:
        field, what = "instance_type", choice.instance_type
    else:
        field, what = "gpu", f"{choice.gpu_count or 1} x {join_or(choice.gpus)}"
    where = f"{join_and(offering)} {'offers' if len(offering) == 1 else 'offer'} it" if offering else ""
    other = where or "no region in which gpudesk can launch offers it"
    return FieldError(field, f"no zone of {join_or(tried)} offers {what}; {other}")


def _has_zone(reading: RegionOfferings, item: InstanceType) -> bool:
    offering = reading.types.get(item.name)
    return offering is not None and bool(offering.spot)


def _may_be_newer(item: InstanceType, reading: RegionOfferings) -> bool:
    """Return whether the catalog may have got the type after the reading."""
    return item.prices_read_at is not None and item.prices_read_at > reading.read_at
