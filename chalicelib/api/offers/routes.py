"""/offers, /quotas and /regions: which GPU can be launched where, and at what price."""

from chalicelib.api.common_views import PageView, format_optional_timestamp
from chalicelib.api.offers.queries import OfferSearchQuery, QuotaQuery, RegionQuery
from chalicelib.api.offers.quota_request_schemas import IncreaseBody, RecordedQuotaRequestView, to_recorded_request_view
from chalicelib.api.offers.quota_schemas import QuotaView, to_quota_view
from chalicelib.api.offers.schemas import (
    OffersView,
    RegionsView,
    to_left_out_view,
    to_offer_view,
    to_region_view,
    to_stale_region_view,
)
from chalicelib.api.pagination import paginate, to_page_view
from chalicelib.api.parameters import QUOTA_CODE
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.control.services.offers import OfferRequest
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.pagination import build_list_name

router = Router("offers", "Find out which GPU can be launched where, and at what price.")

PAGE_FIELDS = {"owner", "limit", "cursor"}


@router.route(Endpoint("GET", "/offers", needs_owner=False))
def list_offers(call: RequestContext[EmptyModel, OfferSearchQuery]) -> OffersView:
    """Search the offers of the regions in which gpudesk is deployed, the best first.

    The order is by price, then by distance; an unknown price comes last. gpudesk reads zones, spot prices and quotas
    every hour, and on-demand prices every day. `left_out` says what is not offered, and why.
    An offer that needs more than its quota leaves is left out; one whose quota is unknown stays.
    """
    query = call.query
    fields = query.model_dump(exclude=PAGE_FIELDS, exclude_none=True)
    market = Market(query.market) if query.market else None
    result = call.app.offers.search(OfferRequest(**{**fields, "market": market}))
    page = paginate(
        result.offers, query, build_list_name("offers", repr(sorted(fields.items()))), lambda ranked: ranked.offer.key
    )
    catalog, now = call.app.offers.catalog, call.app.clock.now()
    return {
        "items": [to_offer_view(ranked, catalog, now) for ranked in page.items],
        "next_cursor": page.next_cursor,
        "left_out": [to_left_out_view(group) for group in result.left_out],
        "stale_regions": [to_stale_region_view(stale) for stale in result.stale_regions],
        "as_of": format_optional_timestamp(result.as_of),
    }


@router.route(Endpoint("GET", "/quotas", needs_owner=False))
def list_quotas(call: RequestContext[EmptyModel, QuotaQuery]) -> PageView[QuotaView]:
    """List the quotas of EC2 with their use, in vCPUs, for the regions in which gpudesk is deployed.

    gpudesk reads them every hour. The use includes instances that gpudesk does not manage, as of that reading, and
    gpudesk's own as of now.
    """
    return _list_quotas(call)


def _list_quotas(call: RequestContext[EmptyModel, QuotaQuery], code: str | None = None) -> PageView[QuotaView]:
    """Return a page of quotas, each with the last request to increase it.

    :param code: None: all quotas
    """
    region = call.query.region
    summaries = [each for each in call.app.offers.list_quotas(region) if code in (None, each.code)]
    name = build_list_name("quotas", f"{code} {region}")
    page = paginate(summaries, call.query, name, lambda summary: f"{summary.region}/{summary.code}")
    return to_page_view(page, to_quota_view)


@router.route(Endpoint("GET", "/quotas/{code}", QUOTA_CODE, needs_owner=False))
def show_quota(call: RequestContext[EmptyModel, QuotaQuery]) -> PageView[QuotaView]:
    """List one quota of EC2 in the regions in which gpudesk is deployed, with the last request to increase it."""
    return _list_quotas(call, call.path_ref)


@router.route(
    Endpoint("POST", "/quotas/{code}/increase", QUOTA_CODE, status=202, location="quotas", needs_owner=False),
)
def increase_quota(call: RequestContext[IncreaseBody, OwnerQuery]) -> RecordedQuotaRequestView:
    """Request an increase of a quota from AWS. Admins only.

    gpudesk files the request within minutes, or after a pause, and follows it; `request` of GET /quotas/{code} shows
    the state. If a request for the quota is open, it is returned: AWS accepts one at a time.
    """
    recorded = call.app.quota_requests.request_increase(call.actor, call.path_ref, call.body.region, call.body.value)
    return to_recorded_request_view(recorded)


@router.route(Endpoint("GET", "/regions", needs_owner=False))
def list_regions(call: RequestContext[EmptyModel, RegionQuery]) -> RegionsView:
    """List the regions of AWS with their GPUs, the nearest first. If no region has the GPU, `left_out` says why."""
    query = call.query
    result = call.app.offers.list_regions(query.gpu, query.near)
    name = build_list_name("regions", f"{query.gpu} {query.near}")
    page = paginate(result.summaries, query, name, lambda summary: summary.region)
    return {
        "items": [to_region_view(summary) for summary in page.items],
        "next_cursor": page.next_cursor,
        "left_out": [to_left_out_view(group) for group in result.left_out],
    }
