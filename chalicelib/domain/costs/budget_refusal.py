"""The refusal of a launch or a start that does not fit a budget."""

from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError
from chalicelib.domain.common.money import format_usd, format_usd_cents
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.costs.budgets import BudgetUse
from chalicelib.domain.costs.expected_segments import find_end, find_reserved_price
from chalicelib.domain.instances.record import Instance

HOUR = timedelta(hours=1)


def build_refusal(use: BudgetUse, needed: Decimal, instance: Instance, now: datetime) -> Conflict:
    """Return why a launch or a start is refused, and what to do.

    :param instance: the record as it would be written
    :param needed: what it would cost this month until the end of its lifetime
    """
    budget = use.budget
    action = "start" if instance.ec2_instance else "launch"
    hours = _count_hours(use, instance, now)
    fitting = _find_fitting_hours(use, needed, instance, now)
    shorter = f"lower max_hours to {fitting}, " if fitting else ""
    message = (
        f"This {action} does not fit {budget.title}: {format_usd_cents(budget.amount)} for {use.month}, of which "
        f"{format_usd_cents(use.spent)} is spent and {format_usd_cents(use.reserved)} is reserved for running "
        f"instances. The {action} needs {format_usd_cents(needed)} for {pluralize(hours, 'hour')} this month"
        f"{_describe_price(instance)}. "
        f"{shorter.capitalize()}{'use' if shorter else 'Use'} a cheaper type, stop an instance, or ask an admin for a "
        f"larger budget ({budget.change_request})."
    )
    max_hours = instance.spec.policy.max_hours
    error = FieldError("max_hours", f"must be at most {fitting} to fit the budget, not {max_hours}")
    members = {
        "budget": {
            "scope": str(budget.scope),
            "name": budget.name,
            "month": str(use.month),
            "amount": str(budget.amount),
            "spent": str(use.spent),
            "reserved": str(use.reserved),
            "needed": str(needed),
        }
    }
    errors = (error,) if fitting and action == "launch" else ()
    return Conflict(message, code=ErrorCode.BUDGET_EXCEEDED, errors=errors, members=members)


def _describe_price(instance: Instance) -> str:
    """Return the price that a launch is counted with, as a clause, if its first offer is cheaper; otherwise nothing."""
    rates = instance.billing.rates
    price = None if instance.ec2_instance else find_reserved_price(instance.spec, rates)
    if price is None or price == rates.instance:
        return ""
    return f", at {format_usd(price)} per hour, the most that its offers may cost (max_price)"


def _count_hours(use: BudgetUse, instance: Instance, now: datetime) -> int:
    """Return the hours until the end of the lifetime or of the month, at least 1."""
    end = min(find_end(instance, now) or now, use.month.ends_at)
    return max(1, round((end - now) / HOUR))


def _find_fitting_hours(use: BudgetUse, needed: Decimal, instance: Instance, now: datetime) -> int:
    """Return the largest max_hours that fits; 0 if not even one hour does."""
    return max(0, int(use.left / (needed / _count_hours(use, instance, now)))) if needed > 0 else 0
