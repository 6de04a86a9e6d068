"""Views of /offers and /regions."""

from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import LeftOutCodeText, OfferMarketText, PriceSourceText
from chalicelib.api.common_views import format_decimal, format_optional_timestamp
from chalicelib.api.offers.quota_schemas import OfferQuotaView, to_offer_quota_view
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.offers.left_out import LeftOut
from chalicelib.domain.offers.query import MIB_PER_GIB
from chalicelib.domain.offers.ranking import RankedOffer
from chalicelib.domain.offers.region_summary import RegionSummary
from chalicelib.domain.offers.searched_regions import StaleRegion

MAX_SUBJECTS = 20
"""A search without a filter leaves out hundreds of types and offers. 20 names of a group are enough for a person."""


class OfferView(TypedDict):
    """One instance type in one zone on one market.

    `rank_reason`: why the offer comes after the one before it. `gpu_memory_gib`: memory of one GPU. `price_per_hour` is
    null if it is unknown. `price_read_at`: the price was valid then; `price_stale`: it is too old to rely on.
    `distance_km`: from the place of `near`. `likelihood`: how likely a launch succeeds now, from 0 to 1; 0.5 if
    nothing is known. An answer of EC2 counts almost alone at first and half after an hour; later, answers at the same
    time of day count most. `evidence`: the last answers, with the age of the last one; null if there are none.
    """

    rank: int
    rank_reason: str
    instance_type: str
    region: str
    zone: str
    market: OfferMarketText
    gpu: str | None
    gpu_count: int | None
    gpu_memory_gib: float | None
    vcpus: int | None
    price_per_hour: str | None
    price_source: PriceSourceText | None
    price_read_at: str | None
    price_stale: bool | None
    distance_km: int | None
    likelihood: float
    evidence: str | None
    quota: OfferQuotaView


class LeftOutView(TypedDict):
    """Types, regions or offers that are not in the list, with their common reason.

    `subjects`: names of types, regions or offers, at most 20 of `subject_count`.
    """

    code: LeftOutCodeText
    message: str
    subjects: list[str]
    subject_count: int


class StaleRegionView(TypedDict):
    """A region whose zones and prices could not be read for some hours. The last ones are used."""

    region: str
    read_at: str
    message: str


class OffersView(TypedDict):
    """One page of offers, the best first.

    `left_out` and `stale_regions` are those of the whole search, not only of this page. `as_of`: the oldest reading of
    zones and prices that was searched; null if no region has been read yet. `next_cursor`: send it as `cursor` to get
    the next page; null on the last page.
    """

    items: list[OfferView]
    next_cursor: str | None
    left_out: list[LeftOutView]
    stale_regions: list[StaleRegionView]
    as_of: str | None


class RegionView(TypedDict):
    """A region of AWS.

    `place`: its city or area. `distance_km`: from the place of `near`. `deployed`: gpudesk is deployed there.
    `allowed`: the limits of the desk allow launches there. `opt_in_status`: whether the AWS account may use the region,
    in the words of EC2 (opt-in-not-required, opted-in, not-opted-in); null if it was not read yet. `gpus`: the GPUs
    that AWS offers there. `read_at`: when they were read; null if they are those of gpudesk's price list.
    """

    region: str
    place: str | None
    distance_km: int | None
    deployed: bool
    allowed: bool
    opt_in_status: str | None
    gpus: list[str]
    read_at: str | None


class RegionsView(TypedDict):
    """One page of regions, the nearest first. `left_out`: why no region has the GPU; empty if one has."""

    items: list[RegionView]
    next_cursor: str | None
    left_out: list[LeftOutView]


def to_offer_view(ranked: RankedOffer, catalog: InstanceTypeCatalog, now: datetime) -> OfferView:
    """Return the view of an offer, with the GPUs of its type."""
    offer, price = ranked.offer, ranked.offer.price
    item = catalog.types[offer.instance_type]
    return {
        "rank": ranked.rank,
        "rank_reason": ranked.reason,
        "instance_type": offer.instance_type,
        "region": offer.region,
        "zone": offer.zone,
        "market": str(offer.market),
        "gpu": item.gpu,
        "gpu_count": item.gpu_count,
        "gpu_memory_gib": round(item.gpu_memory_mib / MIB_PER_GIB, 1) if item.gpu_memory_mib else None,
        "vcpus": item.vcpus,
        "price_per_hour": format_decimal(price.usd_per_hour) if price else None,
        "price_source": str(price.source) if price else None,
        "price_read_at": format_timestamp(price.read_at) if price else None,
        "price_stale": price.is_stale(now) if price else None,
        "distance_km": offer.distance_km,
        "likelihood": round(ranked.likelihood.value, 2),
        "evidence": ranked.likelihood.evidence or None,
        "quota": to_offer_quota_view(offer.headroom),
    }


def to_left_out_view(group: LeftOut) -> LeftOutView:
    """Return the view of what is left out for one reason."""
    return {
        "code": str(group.code),
        "message": group.message,
        "subjects": list(group.subjects[:MAX_SUBJECTS]),
        "subject_count": len(group.subjects),
    }


def to_stale_region_view(stale: StaleRegion) -> StaleRegionView:
    """Return the view of a region whose offers are old."""
    return {"region": stale.region, "read_at": format_timestamp(stale.read_at), "message": stale.message}


def to_region_view(summary: RegionSummary) -> RegionView:
    """Return the view of a region."""
    return {
        "region": summary.region,
        "place": summary.place,
        "distance_km": summary.distance_km,
        "deployed": summary.is_deployed,
        "allowed": summary.is_allowed,
        "opt_in_status": summary.opt_in_status,
        "gpus": list(summary.gpus),
        "read_at": format_optional_timestamp(summary.read_at),
    }
