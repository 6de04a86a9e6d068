"""Costs of each owner, project or instance on each day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.costs.daily_costs import CostGroup, CostReport, DayCost, sum_costs_per_day, summarize_costs
from chalicelib.domain.costs.month import Month, sum_in_month
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import BillingState, Rates

DAY = date(2030, 1, 5)


def build_segment(
    owner: str, instance_id: str, project: str | None, *, name: str = "", start_hour: int = 0
) -> BilledSegment:
    """Return one hour for one dollar."""
    since = datetime(2030, 1, 5, start_hour, tzinfo=UTC)
    return BilledSegment(
        owner=owner,
        instance_id=instance_id,
        name=name or f"name-of-{instance_id}",
        project=project,
        state=BillingState.RUNNING,
        since=since,
        until=since + timedelta(hours=1),
        rates=Rates(instance=Decimal(1), disk=Decimal(0), address=Decimal(0)),
    )


SEGMENTS = [
    build_segment("ada", "gd-1", "vision", name="new-name", start_hour=2),
    build_segment("ada", "gd-1", "vision", name="old-name"),
    build_segment("ada", "gd-2", None),
    build_segment("bob", "gd-3", "vision"),
]


def sum_by(group_by: CostGroup, **only: str) -> list[DayCost]:
    return sum_costs_per_day(SEGMENTS, CostReport(since=DAY, until=DAY, group_by=group_by, **only))


@pytest.mark.parametrize(
    ("rates", "state", "owner", "is_incomplete"),
    [
        (Rates(disk=Decimal(1)), BillingState.RUNNING, "ada", True),
        (Rates(disk=Decimal(1)), BillingState.STOPPED, "ada", False),
        (Rates(instance=Decimal(1)), BillingState.STOPPED, "ada", True),
        (Rates(disk=Decimal(1)), BillingState.RUNNING, "bob", False),
    ],
)
def test_costs_with_an_unknown_price_are_incomplete(
    rates: Rates, state: BillingState, owner: str, *, is_incomplete: bool
) -> None:
    unknown = replace(build_segment(owner, f"gd-{owner}", None), rates=rates, state=state)
    segments = [build_segment("ada", "gd-ada", None), unknown]
    report = CostReport(since=DAY, until=DAY, instance="gd-ada")
    assert summarize_costs(segments, report, has_unreadable_records=False).is_incomplete is is_incomplete
    days_before = replace(report, since=DAY - timedelta(days=3), until=DAY - timedelta(days=2))
    assert not summarize_costs(segments, days_before, has_unreadable_records=False).is_incomplete


def test_costs_by_owner_have_no_project_and_no_instance() -> None:
    found = [(cost.owner, cost.project, cost.instance_id, int(cost.total)) for cost in sum_by(CostGroup.OWNER)]
    assert found == [("ada", None, None, 3), ("bob", None, None, 1)]


def test_costs_by_project_are_summed_over_owners() -> None:
    found = [(cost.owner, cost.project, cost.instance_id, int(cost.total)) for cost in sum_by(CostGroup.PROJECT)]
    assert found == [(None, None, None, 1), (None, "vision", None, 3)]


def test_costs_by_instance_have_its_latest_name() -> None:
    found = [(cost.instance_id, cost.instance_name, cost.owner, int(cost.total)) for cost in sum_by(CostGroup.INSTANCE)]
    assert found == [
        ("gd-1", "new-name", "ada", 2),
        ("gd-2", "name-of-gd-2", "ada", 1),
        ("gd-3", "name-of-gd-3", "bob", 1),
    ]


@pytest.mark.parametrize(
    ("only", "total"),
    [
        ({"project": "vision"}, 3),
        ({"instance": "gd-1"}, 2),
        ({"instance": "old-name"}, 1),
        ({"project": "vision", "instance": "gd-2"}, 0),
    ],
)
def test_report_contains_only_what_it_is_filtered_by(only: dict[str, str], total: int) -> None:
    assert sum((cost.total for cost in sum_by(CostGroup.OWNER, **only)), Decimal(0)) == total


@pytest.mark.parametrize("group_by", CostGroup)
def test_keys_of_a_report_differ(group_by: CostGroup) -> None:
    costs = sum_by(group_by)
    assert len({cost.key for cost in costs}) == len(costs)


@pytest.mark.parametrize("group_by", CostGroup)
def test_days_of_a_month_add_up_to_the_month(group_by: CostGroup) -> None:
    rates = Rates(instance=Decimal("0.526"), disk=Decimal("0.0123457"), address=Decimal("0.005"))
    segments = [
        replace(each, rates=rates, until=each.until + timedelta(hours=30 * number, seconds=7 * number + 1))
        for number, each in enumerate(SEGMENTS)
    ]
    report = CostReport(since=date(2030, 1, 1), until=date(2030, 1, 31), group_by=group_by)
    total = summarize_costs(segments, report, has_unreadable_records=False).total
    assert total == sum_in_month(segments, Month.of(segments[0].since))
