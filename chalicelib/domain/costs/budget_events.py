"""Decide whether people are notified of the use of a budget, and build the message."""

from dataclasses import dataclass
from decimal import Decimal

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.money import format_usd_cents
from chalicelib.domain.costs.budgets import BudgetUse

THRESHOLDS = ((100, EventCode.BUDGET_SPENT), (80, EventCode.BUDGET_NEARLY_SPENT))
"""Percents of a budget at which people are notified, the highest first."""


@dataclass(frozen=True, kw_only=True)
class BudgetEvent:
    """A threshold that the spending of a month has reached.

    :param key: the same for each check in a month, and another one after a change of the budget
    """

    key: str
    code: EventCode
    message: str


def find_event(use: BudgetUse) -> BudgetEvent | None:
    """Return the highest threshold that is reached; None if none is, or if nothing is spent."""
    amount = use.budget.amount
    reached = ((percent, code) for percent, code in THRESHOLDS if use.spent > 0 and use.spent >= amount * percent / 100)
    percent, code = next(reached, (0, None))
    if code is None:
        return None
    return BudgetEvent(key=f"{use.budget.key}.{use.month}.{percent}.{amount}", code=code, message=_describe(use, code))


def _describe(use: BudgetUse, code: EventCode) -> str:
    budget, spent, amount = use.budget, format_usd_cents(use.spent), format_usd_cents(use.budget.amount)
    share = f" ({int(use.spent * 100 / budget.amount)} %)" if budget.amount > Decimal(0) else ""
    title = budget.title[0].upper() + budget.title[1:]
    end = f"{use.month.ends_at:%Y-%m-%d} 00:00 UTC"
    effect = (
        f"Launches and starts are refused until {end}, unless an admin raises the budget ({budget.change_request})."
        if code is EventCode.BUDGET_SPENT
        else f"A launch or a start that does not fit the rest is refused until {end}."
    )
    return (
        f"{title} is {amount}, and {spent} of it is spent in {use.month}{share}. Running instances can cost "
        f"{format_usd_cents(use.reserved)} more this month. {effect} gpudesk stops no instance because of a budget: "
        "stop or terminate those that nobody needs. GET /costs shows what each instance costs."
    )
