"""Read what instances cost: per day, in this month, and what stops have saved. Only DynamoDB is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.control.spending import read_spending
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.costs.budgets import Budget, BudgetUse, compute_use, list_budgets
from chalicelib.domain.costs.daily_costs import CostReport, CostSummary, summarize_costs
from chalicelib.domain.costs.forecast import MonthForecast, Savings, compute_savings, forecast_month
from chalicelib.domain.costs.month import Month
from chalicelib.store.repositories import Repositories

MAX_COST_DAYS = 366


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The costs of a report, the forecast of the present month, and the savings in the days of the report.

    :param budgets: those of the owners that the caller asks for; for all owners, also those of projects
    """

    summary: CostSummary
    forecast: MonthForecast
    savings: Savings
    budgets: Sequence[BudgetUse]


@dataclass(frozen=True, kw_only=True)
class CostService:
    """GET /costs."""

    stores: Repositories
    clock: Clock

    def list_costs(self, actor: Actor, owner: str | None, report: CostReport) -> Costs:
        """Return the cost of each group and UTC day, with what runs now.

        :param owner: only this owner's; None: all that the caller may see
        :raises ValidationFailed: the period ends before it starts, or is too long
        :raises Forbidden: a user names another owner
        """
        since, until = report.since, report.until
        if since > until:
            error = FieldError("since", f"must not be after until ({until}), not {since}")
            raise build_validation_error([error], noun="query parameter")
        if (until - since).days > MAX_COST_DAYS:
            error = FieldError("since", f"must be at most {MAX_COST_DAYS} days before until ({until}), not {since}")
            raise build_validation_error([error], noun="query parameter")
        now, scope = self.clock.now(), actor.resolve_owner_for_list(owner)
        month = Month.of(now)
        spending = read_spending(self.stores, scope, min(since, month.first_day), now)
        counted = [segment for segment in spending.segments if report.accepts(segment)]
        first = datetime.combine(since, datetime.min.time(), UTC)
        end = datetime.combine(until, datetime.min.time(), UTC) + timedelta(days=1)
        return Costs(
            summary=summarize_costs(counted, report, has_unreadable_records=spending.has_unreadable_records),
            forecast=forecast_month(
                counted,
                [instance for instance in spending.instances if report.accepts_instance(instance)],
                [image for image in spending.images if report.accepts(image)],
                now,
            ),
            savings=compute_savings(counted, first, end),
            budgets=[
                compute_use(budget, spending.segments, spending.instances, now) for budget in self._list_budgets(scope)
            ],
        )

    def _list_budgets(self, owner: str | None) -> tuple[Budget, ...]:
        """Return the budget of an owner, or all budgets. Whoever sees one owner does not see all costs of a project."""
        if owner is not None:
            return list_budgets([self.stores.owners.get(owner)], {})
        return list_budgets(self.stores.owners.list_all().values(), self.stores.desk.get_settings().project_budgets)
