"""Summarize the quotas of the regions in which gpudesk is deployed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.offers.headroom import find_free
from chalicelib.domain.offers.quota_request import QuotaRequest, RegionQuotaRequests, RequestsByRegion
from chalicelib.domain.offers.search import OfferContext


@dataclass(frozen=True, kw_only=True)
class QuotaSummary:
    """A quota of one region, in vCPUs. None: unknown.

    :param use: of all pending and running instances, whoever launched them
    :param read_at: None: it has not been read yet
    :param is_stale: the last refresh could not read it
    :param request: the last request to increase it
    """

    region: str
    code: str
    name: str
    limit: int | None
    use: int | None
    free: int | None
    read_at: datetime | None
    is_stale: bool
    request: QuotaRequest | None = None


def summarize_quotas(context: OfferContext, requests: RequestsByRegion) -> tuple[QuotaSummary, ...]:
    """Return the quotas of the deployed regions, by region and code."""
    return tuple(
        summary
        for region in sorted(context.deployed_regions)
        for summary in _summarize(region, context, requests.get(region, RegionQuotaRequests()))
    )


def _summarize(region: str, context: OfferContext, requests: RegionQuotaRequests) -> Iterator[QuotaSummary]:
    offerings = context.offerings.get(region)
    reading = offerings.quotas if offerings else None
    for code in sorted(NAMES):
        limit, use = (reading.limits.get(code), reading.use.get(code)) if reading else (None, None)
        yield QuotaSummary(
            region=region,
            code=code,
            name=NAMES[code],
            limit=limit,
            use=use,
            free=find_free(limit, use),
            read_at=reading.read_at if reading else None,
            is_stale=bool(reading and reading.is_stale(context.now)),
            request=requests.find(code),
        )
