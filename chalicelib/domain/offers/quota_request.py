"""Requests to increase a quota of EC2: what gpudesk stores of them, and what follows from what AWS shows.

An admin's request is stored first. A scheduled function files it in Service Quotas and follows its state. It reads the
history of the quota before each call, so that a request whose answer was lost is found and not filed again. AWS accepts
one open request for each quota.
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.common.deadlines import QUOTA_REQUEST_MISSING_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason


class QuotaRequestState(StrEnum):
    """State of a request: two of gpudesk, then those of Service Quotas.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html
    """

    RECORDED = "recorded"
    REFUSED = "refused"
    PENDING = "pending"
    CASE_OPENED = "case_opened"
    APPROVED = "approved"
    DENIED = "denied"
    CASE_CLOSED = "case_closed"
    NOT_APPROVED = "not_approved"
    INVALID_REQUEST = "invalid_request"


OPEN_STATES = (QuotaRequestState.RECORDED, QuotaRequestState.PENDING, QuotaRequestState.CASE_OPENED)


@dataclass(frozen=True, kw_only=True)
class AwsQuotaRequest:
    """A request as Service Quotas shows it.

    :param state: None: AWS has added a state that gpudesk does not know
    :param case_id: of the support case; None: there is none
    """

    id: str
    state: QuotaRequestState | None
    value: int
    created_at: datetime
    case_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Return whether AWS has not decided yet."""
        return self.state is None or self.state in OPEN_STATES


@dataclass(frozen=True, kw_only=True)
class QuotaRequest:
    """The last request to increase a quota of a region.

    :param value: the requested vCPUs; of an open request that somebody else has filed, what that one requests
    :param limit: vCPUs when it was requested
    :param aws_id: None: it is not known to be filed
    :param error: why AWS refused the call, as sentences
    """

    region: str
    code: str
    value: int
    limit: int
    requested_by: str
    requested_at: datetime
    state: QuotaRequestState = QuotaRequestState.RECORDED
    state_since: datetime
    aws_id: str | None = None
    case_id: str | None = None
    error: str | None = None

    @property
    def is_open(self) -> bool:
        """Return whether AWS has not decided yet."""
        return self.state in OPEN_STATES

    @property
    def is_declined(self) -> bool:
        """Return whether the request is closed and AWS did not say that it increased the quota."""
        return not self.is_open and self.state is not QuotaRequestState.APPROVED

    @property
    def key(self) -> str:
        """Return what tells the request from an earlier or later one of the same quota."""
        return f"{self.region}/{self.code}/{int(self.requested_at.timestamp())}"


@dataclass(frozen=True)
class RegionQuotaRequests:
    """The last requests of a region, one for each quota.

    :param version: guards the write; None: nothing is stored yet
    """

    requests: tuple[QuotaRequest, ...] = ()
    version: int | None = None

    def find(self, code: str) -> QuotaRequest | None:
        """Return the last request for a quota; None: there was none."""
        return next((request for request in self.requests if request.code == code), None)

    def put(self, request: QuotaRequest) -> "RegionQuotaRequests":
        """Return the requests with this one in place of the last one for its quota."""
        others = tuple(each for each in self.requests if each.code != request.code)
        return replace(self, requests=(*others, request))

    @property
    def open_requests(self) -> tuple[QuotaRequest, ...]:
        """Return the requests that AWS has not decided yet."""
        return tuple(request for request in self.requests if request.is_open)


RequestsByRegion = Mapping[str, RegionQuotaRequests]


def find_filed(request: QuotaRequest, history: Iterable[AwsQuotaRequest]) -> AwsQuotaRequest | None:
    """Return the request of Service Quotas that a request is about; None: it is not filed yet.

    :param history: the requests for the quota, in any order. An open one counts, whoever filed it: AWS accepts no
        second one. A closed one counts if it was created after the request: the answer to its call was lost.
    """
    found = sorted(history, key=lambda each: each.created_at, reverse=True)
    if request.aws_id:
        return next((each for each in found if each.id == request.aws_id), None)
    ours = (each for each in found if each.created_at >= request.requested_at)
    return next((each for each in found if each.is_open), None) or next(ours, None)


def apply_aws_state(request: QuotaRequest, filed: AwsQuotaRequest, now: datetime) -> QuotaRequest:
    """Return a request with what Service Quotas shows of it."""
    state = filed.state or request.state
    return replace(
        request,
        aws_id=filed.id,
        case_id=filed.case_id,
        value=filed.value,
        state=state,
        state_since=request.state_since if state is request.state else now,
        error=None,
    )


def close_missing(request: QuotaRequest, now: datetime) -> QuotaRequest:
    """Return a filed request that Service Quotas does not list: closed if that lasts, because AWS forgets old ones."""
    if now - request.state_since < QUOTA_REQUEST_MISSING_AFTER:
        return request
    return replace(request, state=QuotaRequestState.CASE_CLOSED, state_since=now)


def refuse(request: QuotaRequest, error: str, now: datetime) -> QuotaRequest:
    """Return a request whose call AWS refused.

    :param error: why, as sentences
    """
    return replace(request, state=QuotaRequestState.REFUSED, state_since=now, error=error)


def describe_change(before: QuotaRequest, after: QuotaRequest) -> EventReason | None:
    """Return what admins are notified of after a change of the state; None: nothing that they must know."""
    if before.state is after.state:
        return None
    quota = f"quota {after.code} in {after.region}"
    again = f"To request it again, send POST /quotas/{after.code}/increase."
    match after.state:
        case QuotaRequestState.RECORDED | QuotaRequestState.PENDING:
            return None
        case QuotaRequestState.CASE_OPENED:
            case = f"support case {after.case_id}" if after.case_id else "a support case"
            message = (
                f"AWS opened {case} for the increase of {quota} to {after.value} vCPUs. Answer in the AWS Support "
                "Center if AWS has questions."
            )
            return EventReason(code=EventCode.QUOTA_CASE_OPENED, message=message)
        case QuotaRequestState.APPROVED:
            message = (
                f"AWS increased {quota} to {after.value} vCPUs. Launches that wait for it start within minutes, as far "
                "as it suffices."
            )
            return EventReason(code=EventCode.QUOTA_INCREASED, message=message)
        case QuotaRequestState.CASE_CLOSED:
            message = (
                f"AWS closed the support case about {quota} ({after.value} vCPUs requested). GET /quotas shows the "
                f"limit that AWS applies now. {again}"
            )
        case QuotaRequestState.REFUSED:
            message = f"AWS refused the request to increase {quota} to {after.value} vCPUs. {after.error} {again}"
        case _:
            message = f"AWS did not increase {quota} to {after.value} vCPUs (state {after.state}). {again}"
    return EventReason(code=EventCode.QUOTA_NOT_INCREASED, message=message)
