"""Facts and sentences about the quota of a launch that waits for it, or of a start that EC2 refused."""

from dataclasses import dataclass

from chalicelib.domain.catalog.quota_texts import describe_need
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, describe_excess
from chalicelib.domain.offers.quota_request import QuotaRequest, QuotaRequestState, RegionQuotaRequests
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.waiting_headroom import WaitingHeadroom, find_waiting_headroom


@dataclass(frozen=True)
class RegionQuotas:
    """The quotas of a region, and the requests to increase them."""

    current: CurrentQuotas
    requests: RegionQuotaRequests


def observe_quota(instance: Instance, quotas: RegionQuotas) -> ObservedQuota:
    """Return what is known of the quota of a launch that may wait for it."""
    found, reading = find_waiting_headroom(instance, quotas.current), quotas.current.reading
    code = found.headroom.code
    request = quotas.requests.find(code) if code else None
    wait = instance.launch.quota_wait
    is_new = request is not None and request.is_declined and wait is not None and request.state_since >= wait.since
    return ObservedQuota(
        fits=found.fits,
        message=_describe(instance, found),
        last_reading=_describe_last_reading(found.headroom, reading),
        read_at=reading.read_at if reading else None,
        request=_describe_increase_request(request),
        declined_request=request.key if request and is_new else None,
    )


def describe_refused_start(instance: Instance, quotas: RegionQuotas) -> str:
    """Return what is known of the quota for which EC2 refused a start, as sentences."""
    name, current = instance.spec.hardware.instance_type, quotas.current.without(instance)
    headroom = current.find_headroom(name, instance.spec.market)
    if headroom.code is None:
        return f"The quota of {name} is unknown."
    need = describe_need(headroom.code, instance.spec.region, name, headroom.need)
    request = _describe_increase_request(quotas.requests.find(headroom.code))
    return f"{need} {_describe_last_reading(headroom, current.reading)} {request}"


def _describe_last_reading(headroom: Headroom, reading: QuotaReading | None) -> str:
    """Return limit and use of a quota with their age. EC2 may know better, because it has just refused a call."""
    if reading is None or headroom.limit is None or headroom.use is None:
        return "Its limit or its use is unknown."
    return (
        f"When gpudesk last read it, at {format_date_time(reading.read_at)}, the limit was {headroom.limit} vCPUs; "
        f"{headroom.use} are in use."
    )


def _describe_increase_request(request: QuotaRequest | None) -> str:
    """Return what became of a request to increase a quota, as a sentence.

    :param request: None: there was none
    """
    if request is None:
        return "Nobody has requested an increase."
    since, value = format_date_time(request.state_since), f"{request.value} vCPUs"
    if request.is_open:
        at = format_date_time(request.requested_at)
        return f"{request.requested_by} requested an increase to {value} at {at}; AWS has not decided yet."
    if request.state is QuotaRequestState.APPROVED:
        return f"AWS increased it to {value} at {since}."
    return f"AWS did not increase it to {value} ({request.state} since {since})."


def _describe(instance: Instance, found: WaitingHeadroom) -> str:
    headroom, region, name = found.headroom, instance.spec.region, instance.spec.hardware.instance_type
    if headroom.code is None:
        return f"The quota of {name} is unknown."
    if headroom.kind is HeadroomKind.UNKNOWN or headroom.need is None:
        need = describe_need(headroom.code, region, name, headroom.need)
        return f"{need} How much is free is unknown."
    quota = describe_excess(headroom, region, {name: headroom.need})
    earlier = f" Launches that wait longer get {found.reserved} vCPUs of what is free." if found.reserved else ""
    return f"{quota}{earlier}"
