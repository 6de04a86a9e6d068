"""Forecast the costs of a month, and estimate what the stops of idle instances have saved in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.costs.expected_segments import list_expected_segments
from chalicelib.domain.costs.month import Month, sum_in_month
from chalicelib.domain.instances.billed_segment import BilledSegment, compute_segment_cost
from chalicelib.domain.instances.billing import BillingState
from chalicelib.domain.instances.record import Instance

FORECAST_ASSUMPTION = (
    "Running instances run until the end of their lifetime and then keep their disks. Stopped instances stay stopped. "
    "Stopped disks and images are billed to the end of the month. Nothing else is launched, started or deleted, "
    "also no launch that waits for a quota."
)

SAVING_ASSUMPTION = (
    "An instance that was stopped because it was idle would have run until the end of its lifetime, or until somebody "
    "started or terminated it, at the price that it had."
)


@dataclass(frozen=True, kw_only=True)
class NotCounted:
    """Something that AWS bills and gpudesk does not count.

    :param code: for programs
    :param message: for people
    """

    code: str
    message: str


NOT_COUNTED: Sequence[NotCounted] = (
    NotCounted(code="traffic", message="Data transfer out of AWS, between regions and between zones."),
    NotCounted(code="tax", message="Taxes."),
    NotCounted(code="discounts", message="Savings Plans, reserved instances, credits and negotiated prices."),
    NotCounted(code="disk_performance", message="IOPS and throughput of disks beyond what their size includes."),
    NotCounted(code="account", message="The functions, tables and logs of gpudesk, and all that it does not manage."),
)
"""The amounts that no cost of gpudesk contains."""


@dataclass(frozen=True, kw_only=True)
class MonthForecast:
    """Costs of the present month in US dollars.

    :param spent: so far
    :param expected: until the month ends, under `FORECAST_ASSUMPTION`
    """

    month: Month
    spent: Decimal
    expected: Decimal

    @property
    def total(self) -> Decimal:
        """Costs of the whole month."""
        return self.spent + self.expected


@dataclass(frozen=True, kw_only=True)
class Savings:
    """The amount that the stops of idle instances have saved, in US dollars, under `SAVING_ASSUMPTION`.

    :param stops: how many stops have saved something
    """

    amount: Decimal
    stops: int


def forecast_month(
    segments: Iterable[BilledSegment], instances: Iterable[Instance], images: Iterable[BilledSegment], now: datetime
) -> MonthForecast:
    """Return the costs of the present month.

    :param segments: all that was billed until now
    :param instances: all that are not terminated; a launch that waits for a quota counts when the quota is granted
    :param images: what is billed of the images that exist
    """
    month = Month.of(now)
    counted = (instance for instance in instances if not instance.launch.is_waiting_for_quota)
    expected = [
        *(part for instance in counted for part in list_expected_segments(instance, now, month.ends_at)),
        *(replace(image, since=now, until=month.ends_at) for image in images),
    ]
    return MonthForecast(
        month=month, spent=round_usd(sum_in_month(segments, month)), expected=round_usd(sum_in_month(expected, month))
    )


def compute_savings(segments: Iterable[BilledSegment], since: datetime, until: datetime) -> Savings:
    """Return what the stops of idle instances have saved between two times."""
    amount, stops = Decimal(0), set()
    for segment in segments:
        if segment.state is not BillingState.STOPPED or segment.saves_until is None:
            continue
        begin, end = max(segment.since, since), min(segment.until, segment.saves_until, until)
        if begin < end:
            running = replace(segment, state=BillingState.RUNNING, since=begin, until=end)
            stopped = replace(segment, since=begin, until=end)
            amount += compute_segment_cost(running) - compute_segment_cost(stopped)
            stops.add((segment.instance_id, segment.saves_until))
    return Savings(amount=round_usd(amount), stops=len(stops))
