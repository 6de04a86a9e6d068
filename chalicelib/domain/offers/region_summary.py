"""Summarize regions: how far away, whether gpudesk is deployed there, and which GPUs they have."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.offers.left_out import LeftOut, LeftOutCode, LeftOutCollector
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.places import PLACES, find_distance_km, sort_by_distance
from chalicelib.domain.offers.query import leave_out_unavailable


@dataclass(frozen=True, kw_only=True)
class RegionSummary:
    """A region of AWS.

    :param place: its city or area; None: unknown
    :param is_deployed: gpudesk is set up there
    :param is_allowed: the limits of the desk allow it
    :param gpus: the GPUs that can be launched there, whether or not gpudesk is set up there
    :param opt_in_status: whether the account may use it, in the words of EC2's DescribeRegions; None: not read yet
    :param read_at: when its zones were read; None: not yet, so the GPUs are those with a price in the catalog
    """

    region: str
    place: str | None
    distance_km: int | None
    is_deployed: bool
    is_allowed: bool
    opt_in_status: str | None
    gpus: tuple[str, ...]
    read_at: datetime | None


def list_known_regions(catalog: InstanceTypeCatalog, deployed_regions: Iterable[str]) -> frozenset[str]:
    """Return the regions with a place or a price, and those in which gpudesk is set up."""
    return frozenset({*PLACES, *catalog.list_regions(), *deployed_regions})


def summarize_regions(context: OfferContext, gpus: Iterable[str] | None) -> tuple[RegionSummary, ...]:
    """Return the known regions, the nearest first.

    :param gpus: only regions that have one of these GPUs; None: all
    """
    wanted = None if gpus is None else frozenset(gpus)
    regions = sort_by_distance(context.origin, list_known_regions(context.catalog, context.deployed_regions))
    summaries = (_summarize(region, context) for region in regions)
    return tuple(summary for summary in summaries if wanted is None or wanted & {*summary.gpus})


def explain_missing_gpus(context: OfferContext, gpus: Iterable[str]) -> tuple[LeftOut, ...]:
    """Return why no region has one of these GPUs, for a search without a result."""
    left_out, wanted = LeftOutCollector(), frozenset(gpus)
    items = [item for item in context.catalog.types.values() if item.gpu in wanted]
    leave_out_unavailable(items, left_out)
    for item in items:
        if item.unavailable is None:
            left_out.add(LeftOutCode.NOT_OFFERED, "No region is known to offer this type.", item.name)
    return tuple(left_out.list_groups())


def _summarize(region: str, context: OfferContext) -> RegionSummary:
    reading, place = context.offerings.get(region), PLACES.get(region)
    launchable = (item for item in context.catalog.types.values() if item.unavailable is None)
    allowed = context.limits.regions
    return RegionSummary(
        region=region,
        place=place.name if place else None,
        distance_km=find_distance_km(context.origin, region),
        is_deployed=region in context.deployed_regions,
        is_allowed=not allowed or region in allowed,
        opt_in_status=context.opt_ins.statuses.get(region) if context.opt_ins else None,
        gpus=tuple(sorted(set(_list_gpus(launchable, region, reading)), key=str.lower)),
        read_at=reading.read_at if reading else None,
    )


def _list_gpus(types: Iterable[InstanceType], region: str, reading: RegionOfferings | None) -> Iterator[str]:
    for item in types:
        names = reading.types if reading else [item.name] if region in (*item.prices, *item.unpriced_regions) else ()
        if item.gpu and item.name in names:
            yield item.gpu
