"""Record requests to increase a quota. A scheduled function files the requests."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, build_validation_error
from chalicelib.domain.common.text import format_date_time, join_or
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.settings import build_paused_warning
from chalicelib.domain.offers.quota_request import QuotaRequest
from chalicelib.store.repositories import Repositories

MAX_VCPUS = 1_000_000
"""A larger value is a typing error. Service Quotas itself accepts more."""


@dataclass(frozen=True)
class RecordedQuotaRequest:
    """A request to increase a quota, with remarks for the caller."""

    request: QuotaRequest
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuotaRequestService:
    """POST /quotas/{code}/increase.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    regions: tuple[str, ...]
    clock: Clock

    def request_increase(self, actor: Actor, code: str, region: str, value: int) -> RecordedQuotaRequest:
        """Record a request to increase a quota, or return the open one: AWS accepts one at a time.

        :param code: one of the known codes
        :param value: vCPUs
        :raises Forbidden: the caller is not an admin
        :raises ValidationFailed: the region is not one of gpudesk's, or the value is not above the limit
        :raises Conflict: the limit has not been read yet
        """
        actor.require_admin("request an increase of a quota")
        if region not in self.regions:
            message = f"must be a region in which gpudesk is set up: {join_or(self.regions)}, not {region[:40]!r}"
            raise build_validation_error([FieldError("region", message)])
        return retry_user_write(f"The request for quota {code}", lambda: self._request_once(actor, code, region, value))

    def _request_once(self, actor: Actor, code: str, region: str, value: int) -> RecordedQuotaRequest:
        stored = self.stores.quota_requests.get_many([region])[region]
        existing = stored.find(code)
        if existing and existing.is_open:
            return RecordedQuotaRequest(existing, (_warn_of_open_request(existing), *self._list_warnings(existing)))
        limit, now = self._read_limit(code, region), self.clock.now()
        if value <= limit:
            message = f"must be more than the limit of quota {code} in {region}, which is {limit} vCPUs, not {value}"
            raise build_validation_error([FieldError("value", message)])
        request = QuotaRequest(
            region=region,
            code=code,
            value=value,
            limit=limit,
            requested_by=actor.name,
            requested_at=now,
            state_since=now,
        )
        self.stores.quota_requests.save(region, stored.put(request))
        return RecordedQuotaRequest(request, tuple(self._list_warnings(request)))

    def _list_warnings(self, request: QuotaRequest) -> Iterator[WriteWarning]:
        """Yield a warning if gpudesk is paused and has not filed the request yet."""
        if request.aws_id is None:
            warning = build_paused_warning(self.stores.desk.get_settings().mode, "request to increase the quota")
            yield from filter(None, [warning])

    def _read_limit(self, code: str, region: str) -> int:
        offerings = self.stores.offers.get_many([region]).get(region)
        quota = offerings.quotas.find_quota(code) if offerings and offerings.quotas else None
        if quota is None:
            message = (
                f"The limit of quota {code} ({NAMES[code]}) in {region} is not known yet. gpudesk reads quotas every "
                "hour. Try again later; GET /quotas shows when they were read."
            )
            raise Conflict(message, code=ErrorCode.NOT_READY)
        return quota.limit


def _warn_of_open_request(request: QuotaRequest) -> WriteWarning:
    message = (
        f"Returned the open request of {request.requested_by} of {format_date_time(request.requested_at)} for "
        f"{request.value} vCPUs. AWS accepts one request for each quota at a time."
    )
    return WriteWarning(WarningCode.QUOTA_REQUEST_OPEN, message)
