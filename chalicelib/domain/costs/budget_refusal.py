"""The refusal of a launch or a start that does not fit a budget."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError
from chalicelib.domain.common.money import format_usd, format_usd_cents
from chalicelib.domain.common.text import join_or, pluralize
from chalicelib.domain.costs.budgets import BudgetUse
from chalicelib.domain.costs.expected_segments import find_end, find_reserved_price
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.record import Instance

HOUR = timedelta(hours=1)


def build_refusal(use: BudgetUse, needed: Decimal, instance: Instance, now: datetime) -> Conflict:
    """Return why a launch or a start is refused, and what to do.

    :param instance: the record as it would be written
    :param needed: what it would cost this month until the end of its lifetime
    """
    budget, action = use.budget, _get_action(instance)
    hours = _count_hours(use, instance, now)
    # A keep lasts longer than a smaller max_hours.
    is_kept = instance.lifetime.keep_until is not None and instance.lifetime.keep_until > now
    fitting = 0 if is_kept else _find_fitting_hours(use, needed, instance, now)
    lower_price = _find_lower_max_price(use, needed, instance, now)
    price_advice = [] if lower_price is None else [f"send max_price {lower_price.normalize():f}"]
    advice = join_or([*price_advice, *_list_advice(use, instance, action, fitting)])
    message = (
        f"This {action} does not fit {budget.title}: {format_usd_cents(budget.amount)} for {use.month}, of which "
        f"{format_usd_cents(use.spent)} is spent and {format_usd_cents(use.reserved)} is reserved"
        f"{_describe_reserved(use)}. The {action} needs {format_usd_cents(needed)} for {pluralize(hours, 'hour')} this "
        f"month{_describe_price(instance)}. {advice[0].upper()}{advice[1:]}."
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


def _get_action(instance: Instance) -> str:
    """Return what is refused. The record of a move has its target, and still its former EC2 instance."""
    if instance.move is not None:
        return "move"
    return "start" if instance.ec2_instance else "launch"


def _describe_reserved(use: BudgetUse) -> str:
    """Return for what a part of the budget is reserved, as a clause."""
    waiting = sum((launch.reserved for launch in use.launches), Decimal(0))
    if waiting <= 0:
        return " for running instances"
    if waiting >= use.reserved:
        return " for launches that do not run yet"
    return f" ({format_usd_cents(waiting)} of it for launches that do not run yet, the rest for running instances)"


def _list_advice(use: BudgetUse, instance: Instance, action: str, fitting: int) -> Iterator[str]:
    """Yield what helps, each as a clause that begins with a verb.

    :param fitting: the largest max_hours that fits; 0: none
    """
    if fitting:
        at = "" if action == "launch" else f" (PATCH /instances/{instance.name})"
        yield f"lower max_hours to {fitting}{at}"
    yield from _list_cheaper_types(instance, action)
    if use.reserved > sum((launch.reserved for launch in use.launches), Decimal(0)):
        yield "stop an instance"
    mine = [launch.name for launch in use.launches if launch.owner == instance.owner]
    if mine:
        yield f"cancel a launch that does not run yet (DELETE /instances/{mine[0]})"
    elif use.launches:
        yield "ask the owner of a launch that does not run yet to cancel it (DELETE)"
    yield f"ask an admin for a larger budget ({use.budget.change_request})"


def _list_cheaper_types(instance: Instance, action: str) -> Iterator[str]:
    """Yield how the instance gets a cheaper type, if it can have one.

    EC2 does not change the type of a stopped spot instance, and gpudesk does not move an instance that it has adopted.
    """
    if action != "start" or not has_spot_request(instance.ec2_instance):
        yield {
            "launch": "use a cheaper type",
            "start": "start a cheaper size (instance_type)",
            "move": "move it to a cheaper type (instance_type)",
        }[action]
    elif not instance.is_adopted_on_request:
        yield f"move it as a cheaper type (POST /instances/{instance.name}/move with instance_type)"


def _describe_price(instance: Instance) -> str:
    """Return the price that a launch is counted with, and why, as a clause; nothing for a start or a move."""
    rates = instance.billing.rates
    price = None if instance.ec2_instance else find_reserved_price(instance.spec, rates)
    if price is None:
        return ""
    if price == rates.instance:
        return f", at {format_usd(price)} per hour"
    if price == rates.on_demand:
        return f", at {format_usd(price)} per hour, the on-demand price: a spot price can rise to it"
    return f", at {format_usd(price)} per hour, the most that its offers may cost (max_price)"


def _find_lower_max_price(use: BudgetUse, needed: Decimal, instance: Instance, now: datetime) -> Decimal | None:
    """Return the lowest `max_price` with which a launch is counted, if it fits then; None if it gains nothing."""
    rates = instance.billing.rates
    price = None if instance.ec2_instance else find_reserved_price(instance.spec, rates)
    if price is None or rates.instance is None:
        return None
    lowest = max(rates.instance, rates.on_demand or rates.instance)
    end = min(find_end(instance, now) or now, use.month.ends_at)
    saved = (price - lowest) * Decimal(str((end - now) / HOUR))
    return lowest if price > lowest and needed - saved <= use.left else None


def _count_hours(use: BudgetUse, instance: Instance, now: datetime) -> int:
    """Return the hours until the end of the lifetime or of the month, at least 1."""
    end = min(find_end(instance, now) or now, use.month.ends_at)
    return max(1, round((end - now) / HOUR))


def _find_fitting_hours(use: BudgetUse, needed: Decimal, instance: Instance, now: datetime) -> int:
    """Return the largest max_hours that fits; 0 if not even one hour does."""
    return max(0, int(use.left / (needed / _count_hours(use, instance, now)))) if needed > 0 else 0
