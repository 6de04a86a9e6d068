"""Facts and sentences about the quota of a launch that waits for it, or of a start that EC2 refused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chalicelib.domain.catalog.quota_texts import describe_need
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, describe_excess
from chalicelib.domain.offers.quota_request import QuotaRequest, QuotaRequestState, RegionQuotaRequests
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.waiting_headroom import WaitingHeadroom


@dataclass(frozen=True)
class RegionQuotas:
    """The quotas of a region, and the requests to increase them."""

    current: CurrentQuotas
    requests: RegionQuotaRequests


def observe_quotas(
    instance: Instance, headrooms: Iterable[WaitingHeadroom], regions: Mapping[str, RegionQuotas]
) -> tuple[ObservedQuota, ...]:
    """Return what is known of the quotas that a launch may wait for.

    :param headrooms: one for each of them
    """
    return tuple(_observe_quota(instance, found, regions[found.option.region]) for found in headrooms)


def _observe_quota(instance: Instance, found: WaitingHeadroom, quotas: RegionQuotas) -> ObservedQuota:
    option, reading, code = found.option, quotas.current.reading, found.headroom.code
    request = quotas.requests.find(code) if code else None
    wait = instance.launch.quota_wait
    is_new = request is not None and request.is_declined and wait is not None and request.state_since >= wait.since
    return ObservedQuota(
        key=option.key,
        fits=found.fits,
        need=_describe_need(found),
        message=_describe(found),
        last_reading=_describe_last_reading(found.headroom, reading),
        read_at=reading.read_at if reading else None,
        request=_describe_increase_request(request),
        is_requested=request is not None,
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


def _describe_need(found: WaitingHeadroom) -> str:
    headroom, option = found.headroom, found.option
    if headroom.code is None:
        return f"The quota of {option.instance_type} in {option.region} is unknown."
    return describe_need(headroom.code, option.region, option.instance_type, headroom.need)


def _describe(found: WaitingHeadroom) -> str:
    headroom, option = found.headroom, found.option
    if headroom.code is None:
        return _describe_need(found)
    if headroom.kind is HeadroomKind.UNKNOWN or headroom.need is None:
        return f"{_describe_need(found)} How much is free is unknown."
    quota = describe_excess(headroom, option.region, {option.instance_type: headroom.need})
    earlier = f" Launches that wait longer get {found.reserved} vCPUs of what is free." if found.reserved else ""
    return f"{quota}{earlier}"
