"""Summarize the quotas of the regions in which gpudesk is deployed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas, Types
from chalicelib.domain.offers.headroom import find_free
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quota_request import QuotaRequest, RegionQuotaRequests, RequestsByRegion
from chalicelib.domain.offers.quotas import QuotaReading


@dataclass(frozen=True, kw_only=True)
class QuotaSummary:
    """A quota of one region, in vCPUs. None: unknown.

    :param use: of all pending and running instances: foreign ones as they were read, and gpudesk's own as of now,
        as the check of a launch counts them
    :param read_at: when limit and foreign use were read; None: they have not been read yet
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


@dataclass(frozen=True, kw_only=True)
class QuotaContext:
    """The facts that a summary depends on.

    :param offerings: with the quotas, by region
    :param records: all active records
    """

    regions: Iterable[str]
    offerings: Mapping[str, RegionOfferings]
    requests: RequestsByRegion
    records: Sequence[Instance]
    types: Types
    now: datetime


def summarize_quotas(context: QuotaContext) -> tuple[QuotaSummary, ...]:
    """Return the quotas of the regions, by region and code."""
    return tuple(summary for region in sorted(context.regions) for summary in _summarize(region, context))


def _summarize(region: str, context: QuotaContext) -> Iterator[QuotaSummary]:
    offerings, requests = context.offerings.get(region), context.requests.get(region, RegionQuotaRequests())
    reading = offerings.quotas if offerings else None
    current = CurrentQuotas(
        region=region, reading=reading, records=context.records, types=context.types, now=context.now
    )
    for code in sorted(NAMES):
        limit = reading.limits.get(code) if reading else None
        use = _find_use(reading, current, code) if reading else None
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


def _find_use(reading: QuotaReading, current: CurrentQuotas, code: str) -> int | None:
    """Return the use as the check of a launch counts it; if the foreign use is unknown, the use as it was read."""
    if reading.foreign_use.get(code) is None:
        return reading.use.get(code)
    return current.find_use(code)
