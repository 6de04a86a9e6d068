"""/costs: what instances cost, for each day and each owner, project or instance."""

from datetime import timedelta

from chalicelib.api.common_views import format_decimal
from chalicelib.api.costs.schemas import (
    CostQuery,
    CostsView,
    to_budget_view,
    to_day_cost_view,
    to_month_view,
    to_savings_view,
)
from chalicelib.api.pagination import paginate
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.pagination import build_list_name
from chalicelib.domain.costs.daily_costs import CostGroup, CostReport
from chalicelib.domain.costs.forecast import NOT_COUNTED

router = Router("costs", "Find out what instances cost.")

DEFAULT_COST_PERIOD = timedelta(days=30)


@router.route(Endpoint("GET", "/costs"))
def list_costs(call: RequestContext[EmptyModel, CostQuery]) -> CostsView:
    """List costs for each day and each owner, project or instance, including those of running instances.

    Users get their own costs; admins get those of all owners, or of one. The default is the last 30 days; a report
    covers at most 366 days. 422: gpudesk knows no such owner or instance. `incomplete` is true if costs are missing.
    `month` has the costs of this month so far and its forecast, `budgets` how much of the
    monthly budgets is used (those of projects only for admins), `left_out` what no cost of gpudesk contains.
    """
    query = call.query
    until = query.until or call.app.clock.now().date()
    since = query.since or until - DEFAULT_COST_PERIOD
    group_by = CostGroup(query.group_by)
    report = CostReport(since=since, until=until, group_by=group_by, project=query.project, instance=query.instance)
    costs = call.app.costs.list_costs(call.actor, query.owner, report)
    name = build_list_name(
        f"costs by {group_by} of {query.project} {query.instance}", call.actor.resolve_owner_for_list(query.owner)
    )
    page = paginate(costs.summary.days, query, name, lambda cost: cost.key)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "total": format_decimal(costs.summary.total),
        "incomplete": costs.summary.is_incomplete,
        "estimated": costs.summary.has_estimates,
        "month": to_month_view(costs.forecast),
        "budgets": [to_budget_view(use) for use in costs.budgets],
        "idle_stop_savings": to_savings_view(costs.savings),
        "left_out": [{"code": each.code, "message": each.message} for each in NOT_COUNTED],
        "items": [to_day_cost_view(cost) for cost in page.items],
        "next_cursor": page.next_cursor,
    }
