"""Forecast of a month, and what the stops of idle instances have saved."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.costs.budgets import compute_reservation
from chalicelib.domain.costs.expected_segments import list_expected_segments
from chalicelib.domain.costs.forecast import compute_savings, forecast_month
from chalicelib.domain.costs.month import Month, sum_in_month
from chalicelib.domain.costs.open_segments import join_segments
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import Billing, BillingState, Rates
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_choice import LaunchChoice, with_first_price
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.quota_wait import QuotaWait
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import START, build_ready_instance
from tests.unit.instances.simulation import build_requested_instance

RATES = Rates(instance=Decimal(1), disk=Decimal("0.1"), address=Decimal("0.01"))
HOUR = timedelta(hours=1)
MONTH = Month.of(START)
HOURS_LEFT = int((MONTH.ends_at - START) / HOUR)


def build_segment(state: BillingState, hours: int, saves_hours: int | None = None) -> BilledSegment:
    """Return a segment that begins at the start."""
    return BilledSegment(
        owner="ada",
        instance_id="gd-1",
        name="n",
        state=state,
        since=START,
        until=START + hours * HOUR,
        rates=RATES,
        saves_until=None if saves_hours is None else START + saves_hours * HOUR,
    )


def with_state(instance: Instance, phase: Phase, desired: DesiredState) -> Instance:
    """Return the instance in a phase, with the rates of this module."""
    spec = replace(instance.spec, desired=desired)
    return replace(instance, phase=phase, spec=spec, billing=Billing(rates=RATES))


RUNNING = with_state(build_ready_instance(max_hours=10), Phase.READY, DesiredState.RUNNING)
REQUESTED = with_state(build_requested_instance(max_hours=10), Phase.REQUESTED, DesiredState.RUNNING)
STOPPED = replace(with_state(RUNNING, Phase.STOPPED, DesiredState.STOPPED), lifetime=Lifetime())


@pytest.mark.parametrize(
    ("instance", "running_hours", "disk_hours"),
    [
        (RUNNING, 10, HOURS_LEFT),
        (REQUESTED, 10, HOURS_LEFT),
        (with_state(RUNNING, Phase.STOPPED, DesiredState.RUNNING), 10, HOURS_LEFT),
        (with_state(RUNNING, Phase.STOPPING, DesiredState.STOPPED), 0, HOURS_LEFT),
        (STOPPED, 0, HOURS_LEFT),
        (with_state(RUNNING, Phase.READY, DesiredState.TERMINATED), 0, 0),
        (with_state(RUNNING, Phase.TERMINATING, DesiredState.TERMINATED), 0, 0),
        (with_state(REQUESTED, Phase.FAILED, DesiredState.RUNNING), 0, 0),
        (replace(RUNNING, lifetime=Lifetime(started_at=START, keep_until=START + 20 * HOUR)), 20, HOURS_LEFT),
        (replace(RUNNING, lifetime=Lifetime(started_at=START - 9 * HOUR)), 1, HOURS_LEFT),
        (replace(RUNNING, lifetime=Lifetime(started_at=START - 90 * HOUR)), 0, HOURS_LEFT),
    ],
)
def test_forecast_runs_instances_to_their_end_and_keeps_their_disks(
    instance: Instance, running_hours: int, disk_hours: int
) -> None:
    forecast = forecast_month([], [instance], [], START)
    assert forecast.expected == Decimal("1.01") * running_hours + Decimal("0.1") * disk_hours
    assert forecast.total == forecast.expected


@pytest.mark.parametrize(("is_region_fixed", "price"), [(False, "1.25"), (True, "1")])
def test_launch_counts_with_the_highest_price_that_its_offers_may_have(is_region_fixed: bool, price: str) -> None:
    choice = with_first_price(
        LaunchChoice(instance_type="g4dn.xlarge", region="us-east-1", is_region_fixed=is_region_fixed), Decimal(1)
    )
    waiting = replace(REQUESTED, spec=replace(REQUESTED.spec, launch_choice=choice))
    running, _ = list_expected_segments(waiting, START, MONTH.ends_at)
    assert running.rates.instance == Decimal(price)


def test_forecast_ends_with_the_month() -> None:
    now = MONTH.ends_at - 2 * HOUR
    started = replace(RUNNING, lifetime=Lifetime(started_at=now))
    assert forecast_month([], [started], [], now).expected == Decimal("2.22")


def test_forecast_adds_what_was_billed_this_month_and_images_to_its_end() -> None:
    spent = replace(build_segment(BillingState.RUNNING, 2), since=MONTH.begins_at - HOUR, until=MONTH.begins_at + HOUR)
    image = build_segment(BillingState.IMAGE, 1)
    forecast = forecast_month([spent, image], [], [image], START)
    assert forecast.spent == Decimal("1.11") + Decimal("0.1")
    assert forecast.total - forecast.spent == Decimal("0.1") * HOURS_LEFT


@pytest.mark.parametrize(
    ("hours", "saves_hours", "saved"),
    [(5, 3, "3.03"), (2, 3, "2.02"), (5, None, "0"), (5, -1, "0")],
)
def test_idle_stop_saves_until_the_lifetime_ends_or_the_next_start(
    hours: int, saves_hours: int | None, saved: str
) -> None:
    stopped = build_segment(BillingState.STOPPED, hours, saves_hours)
    savings = compute_savings([stopped], START - HOUR, START + 100 * HOUR)
    assert (savings.amount, savings.stops) == (Decimal(saved), int(saved != "0"))


def test_savings_are_those_of_the_period() -> None:
    stopped = build_segment(BillingState.STOPPED, 5, 5)
    assert compute_savings([stopped], START + HOUR, START + 2 * HOUR).amount == Decimal("1.01")


def test_segment_that_ends_between_two_reads_counts_once() -> None:
    still_open, ended = build_segment(BillingState.RUNNING, 2), build_segment(BillingState.RUNNING, 1)
    image = replace(ended, image_id="gi-1")
    assert join_segments([ended], [still_open, image]) == [ended, image]


def test_month_is_that_of_utc() -> None:
    month = Month.of(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert (month.first_day, month.ends_at, str(month)) == (
        date(2026, 12, 1),
        datetime(2027, 1, 1, tzinfo=UTC),
        "2026-12",
    )
    assert sum_in_month([build_segment(BillingState.RUNNING, 1)], month) == 0


def test_expected_segments_follow_each_other() -> None:
    running, stopped = list_expected_segments(RUNNING, START, MONTH.ends_at)
    assert (running.since, running.until, stopped.until) == (START, stopped.since, MONTH.ends_at)


def test_launch_counts_in_the_forecast_when_its_quota_is_granted() -> None:
    waiting = replace(REQUESTED, launch=LaunchState(quota_wait=QuotaWait(since=START)))
    assert forecast_month([], [waiting], [], START).expected == 0
    granted = replace(REQUESTED, launch=LaunchState(quota_wait=QuotaWait(since=START, is_over=True)))
    assert forecast_month([], [granted], [], START).expected > 0
    assert compute_reservation(waiting, START) == compute_reservation(granted, START) > 0
