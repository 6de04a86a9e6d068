"""Query and views of /costs."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from chalicelib.api.common_views import format_decimal
from chalicelib.api.request_models import PageQuery
from chalicelib.domain.costs.budgets import BudgetUse
from chalicelib.domain.costs.daily_costs import DayCost
from chalicelib.domain.costs.forecast import FORECAST_ASSUMPTION, SAVING_ASSUMPTION, MonthForecast, Savings
from chalicelib.domain.launch.field_checks import MAX_PROJECT_LENGTH

FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2099, 12, 31)
DAY_DESCRIPTION = "a day from 2020 on, as YYYY-MM-DD, e.g. 2026-11-23"


def _parse_day(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("not a day")
    day = date.fromisoformat(value)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError("out of range")
    return day


Day = Annotated[date, BeforeValidator(_parse_day)]
"""A day of a query. JSON Schema cannot express the range of a date, so only the description has it."""


class CostQuery(PageQuery):
    """The days of a cost report, in UTC (both are included; the default is the last 30 days), and what it contains."""

    since: Day | None = Field(None, description=DAY_DESCRIPTION)
    until: Day | None = Field(None, description=DAY_DESCRIPTION)
    group_by: Literal["owner", "project", "instance"] = Field(
        "owner", description="owner, project or instance: what the costs of a day are summed by"
    )
    project: str | None = Field(
        None, min_length=1, max_length=MAX_PROJECT_LENGTH, description="the project of the instances, e.g. vision"
    )
    instance: str | None = Field(
        None, min_length=1, max_length=64, description="the id or the name of an instance, e.g. brave-otter"
    )


class DayCostView(TypedDict):
    """Costs of one owner, project or instance on one UTC day. An image costs in the name of the instance it is of.

    `owner` is null in a sum by project. `project` is null in a sum by owner, and for instances without a project.
    `instance_id` and `instance_name` (its latest name) are null unless `group_by` is instance.
    """

    owner: str | None
    project: str | None
    instance_id: str | None
    instance_name: str | None
    day: str
    instances: str
    disks: str
    addresses: str
    images: str
    total: str


class MonthView(TypedDict):
    """Costs of the present month in UTC, of what the query selects.

    `month_to_date`: so far. `forecast`: of the whole month, as `assumption` says.
    """

    month: str
    month_to_date: str
    forecast: str
    assumption: str


class BudgetUseView(TypedDict):
    """A monthly budget of an owner or a project, named by `name`, and how much of it is used in this month in UTC.

    `spent`: so far. `reserved`: what the running instances can still cost this month, to the end of their lifetime, and
    the launches that do not run yet, also those that wait for a quota, which `month.forecast` leaves out.
    `left`: the rest, for launches and starts; negative if more is spent and reserved than the budget allows.
    """

    scope: Literal["owner", "project"]
    name: str
    amount: str
    spent: str
    reserved: str
    left: str


class SavingsView(TypedDict):
    """An estimate of what the stops of idle instances have saved in the days of the report, as `assumption` says.

    `stops`: how many stops have saved something.
    """

    amount: str
    stops: int
    assumption: str


class LeftOutCostView(TypedDict):
    """Something that AWS bills and gpudesk does not count."""

    code: str
    message: str


class CostsView(TypedDict):
    """One page of costs for each day and each owner, project or instance.

    `total` is the sum of all days from `since` to `until`, not only of this page. `incomplete` is true if costs are
    missing: those of a type or a disk of which gpudesk knows no price, or those of an instance whose record it cannot
    read, since the last change of the record. The admins are notified of both. `estimated`: costs of images are
    included; they are the most that the snapshots can cost, because AWS bills only blocks with data. `next_cursor`:
    send it as `cursor` to get the next page; null on the last page.
    """

    items: list[DayCostView]
    next_cursor: str | None
    since: str
    until: str
    total: str
    incomplete: bool
    estimated: bool
    month: MonthView
    budgets: list[BudgetUseView]
    idle_stop_savings: SavingsView
    left_out: list[LeftOutCostView]


def to_day_cost_view(cost: DayCost) -> DayCostView:
    """Return the view of the costs of one group on one day."""
    return {
        "owner": cost.owner,
        "project": cost.project,
        "instance_id": cost.instance_id,
        "instance_name": cost.instance_name,
        "day": cost.day.isoformat(),
        "instances": format_decimal(cost.instances),
        "disks": format_decimal(cost.disks),
        "addresses": format_decimal(cost.addresses),
        "images": format_decimal(cost.images),
        "total": format_decimal(cost.total),
    }


def to_month_view(forecast: MonthForecast) -> MonthView:
    """Return the view of the present month."""
    return {
        "month": str(forecast.month),
        "month_to_date": format_decimal(forecast.spent),
        "forecast": format_decimal(forecast.total),
        "assumption": FORECAST_ASSUMPTION,
    }


def to_budget_view(use: BudgetUse) -> BudgetUseView:
    """Return the view of the use of a budget."""
    return {
        "scope": use.budget.scope.value,
        "name": use.budget.name,
        "amount": format_decimal(use.budget.amount),
        "spent": format_decimal(use.spent),
        "reserved": format_decimal(use.reserved),
        "left": format_decimal(use.left),
    }


def to_savings_view(savings: Savings) -> SavingsView:
    """Return the view of savings."""
    return {"amount": format_decimal(savings.amount), "stops": savings.stops, "assumption": SAVING_ASSUMPTION}
