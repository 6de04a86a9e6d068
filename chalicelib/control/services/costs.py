"""Read what instances cost: per day, in this month, and what stops have saved. Only DynamoDB is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from chalicelib.control.spending import Spending, read_spending
from chalicelib.domain.access.actor import Actor, Role
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
        :raises ValidationFailed: the period ends before it starts, or is too long; or gpudesk knows no such owner or
            instance
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
        self._check_filters(actor, scope, report, spending, min(since, month.first_day))
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

    def _check_filters(
        self, actor: Actor, scope: str | None, report: CostReport, spending: Spending, first: date
    ) -> None:
        """Refuse an owner or an instance that gpudesk does not know. Costs of 0 would hide the mistake.

        Owners need no account, so only admins are refused: a bot may ask for a person who has done nothing yet.
        """
        errors: list[FieldError] = []
        if scope not in (None, actor.name) and actor.role is Role.ADMIN and not self._knows_owner(scope, spending):
            message = f"must be an owner with settings, an instance or costs since {first}, not {scope}"
            errors.append(FieldError("owner", message))
        ref = report.instance
        if ref and not self._knows_instance(ref, scope, spending):
            whose = f" of {scope}" if scope else ""
            message = f"must be an instance{whose} that has a record, or costs since {first}, not {ref}"
            errors.append(FieldError("instance", message))
        if errors:
            raise build_validation_error(errors, noun="query parameter")

    def _knows_owner(self, owner: str, spending: Spending) -> bool:
        if spending.segments or spending.instances or self.stores.owners.get(owner).version is not None:
            return True
        return bool(self.stores.instances.list_page(owner, limit=1, cursor=None, now=self.clock.now()).items)

    def _knows_instance(self, ref: str, scope: str | None, spending: Spending) -> bool:
        if any(ref in (segment.instance_id, segment.name) for segment in spending.segments):
            return True
        try:
            record = self.stores.instances.load(ref) or self.stores.instances.find_newest_terminated(ref, scope)
        except ValueError:
            return scope is None
        return record is not None and scope in (None, record.owner)

    def _list_budgets(self, owner: str | None) -> tuple[Budget, ...]:
        """Return the budget of an owner, or all budgets. Whoever sees one owner does not see all costs of a project."""
        if owner is not None:
            return list_budgets([self.stores.owners.get(owner)], {})
        return list_budgets(self.stores.owners.list_all().values(), self.stores.desk.get_settings().project_budgets)
