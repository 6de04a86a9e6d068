"""Views of quotas: those of GET /quotas, and that of an offer."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import HeadroomKindText
from chalicelib.api.common_views import format_optional_timestamp
from chalicelib.api.offers.quota_request_schemas import QuotaRequestView, to_quota_request_view
from chalicelib.domain.offers.headroom import Headroom
from chalicelib.domain.offers.quota_summary import QuotaSummary


class OfferQuotaView(TypedDict):
    """The quota of EC2 that a launch of the offer uses, in vCPUs, as of its last reading; null: unknown.

    `code`: the code in Service Quotas. `free`: vCPUs that were not in use then. `need`: vCPUs of the instance type.
    """

    code: str | None
    free: int | None
    need: int | None
    kind: HeadroomKindText


class QuotaView(TypedDict):
    """A quota of EC2 in a region, in vCPUs; null: unknown.

    `use`: vCPUs of all pending and running instances of the account: those of others as of `read_at`, those of gpudesk
    and its launches as of now. `free`: vCPUs that are not in use. `read_at`: when the quota was read; null if it has
    not been read yet. `stale`: it could not be read since, so no offer is left out because of it. `request`: the last
    request to increase the quota.
    """

    region: str
    code: str
    name: str
    limit: int | None
    use: int | None
    free: int | None
    read_at: str | None
    stale: bool
    request: QuotaRequestView | None


def to_offer_quota_view(headroom: Headroom) -> OfferQuotaView:
    """Return the view of what a quota leaves for an offer."""
    return {"code": headroom.code, "free": headroom.free, "need": headroom.need, "kind": str(headroom.kind)}


def to_quota_view(summary: QuotaSummary) -> QuotaView:
    """Return the view of a quota."""
    return {
        "region": summary.region,
        "code": summary.code,
        "name": summary.name,
        "limit": summary.limit,
        "use": summary.use,
        "free": summary.free,
        "read_at": format_optional_timestamp(summary.read_at),
        "stale": summary.is_stale,
        "request": to_quota_request_view(summary.request) if summary.request else None,
    }
