"""Monthly budgets of owners and projects: what is spent and reserved of them, and whether a launch or a start fits.

What a budget has left follows from the ledger and from the records of instances. No counter is kept, so nothing has to
be released when an instance ends. Decision 0029 says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.costs.expected_segments import list_expected_segments
from chalicelib.domain.costs.month import Month, sum_in_month
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import BillingState
from chalicelib.domain.instances.record import Instance


class BudgetScope(StrEnum):
    """The kind of a budget."""

    OWNER = "owner"
    PROJECT = "project"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """US dollars that the instances of an owner or a project may cost in each month in UTC.

    :param name: of the owner or the project
    """

    scope: BudgetScope
    name: str
    amount: Decimal

    @property
    def key(self) -> str:
        """Text that no other budget has: "owner/ada"."""
        return f"{self.scope}/{self.name}"

    @property
    def title(self) -> str:
        """Return the budget as the subject of a sentence."""
        return f"the monthly budget of {'project ' if self.scope is BudgetScope.PROJECT else ''}{self.name}"

    @property
    def change_request(self) -> str:
        """Return the request with which an admin changes the budget."""
        if self.scope is BudgetScope.OWNER:
            return f"PATCH /owners/{self.name} with monthly_budget"
        return "PATCH /desk with project_budgets"

    def covers(self, owner: str, project: str | None) -> bool:
        """Return whether the costs of an instance of this owner and project count."""
        return self.name == (owner if self.scope is BudgetScope.OWNER else project)


@dataclass(frozen=True, kw_only=True)
class ReservedLaunch:
    """A launch that does not run yet, for example because it waits for a quota. It reserves what it can cost.

    It starts by itself, so it must fit the budget then, too.
    """

    name: str
    owner: str
    reserved: Decimal


@dataclass(frozen=True, kw_only=True)
class BudgetUse:
    """How much of a budget is used in a month, in US dollars.

    :param spent: so far
    :param reserved: what the running instances and the launches that do not run yet can still cost this month
    :param launches: those launches, as far as they reserve something
    """

    budget: Budget
    month: Month
    spent: Decimal
    reserved: Decimal
    launches: tuple[ReservedLaunch, ...] = ()

    @property
    def left(self) -> Decimal:
        """The amount that is neither spent nor reserved; negative if both exceed the budget."""
        return self.budget.amount - self.spent - self.reserved

    def allows(self, needed: Decimal) -> bool:
        """Return whether the budget has enough left. An instance that costs nothing more this month always fits."""
        return needed <= 0 or needed <= self.left


def list_budgets(owners: Iterable[OwnerSettings], projects: Mapping[str, Decimal]) -> tuple[Budget, ...]:
    """Return the budgets of owners and of projects."""
    return (
        *(
            Budget(scope=BudgetScope.OWNER, name=settings.owner, amount=settings.monthly_budget)
            for settings in owners
            if settings.monthly_budget is not None
        ),
        *(Budget(scope=BudgetScope.PROJECT, name=name, amount=amount) for name, amount in projects.items()),
    )


def find_budgets(owner: OwnerSettings, project: str | None, desk: DeskSettings) -> tuple[Budget, ...]:
    """Return the budgets that a launch of an owner in a project must fit."""
    amount = desk.project_budgets.get(project) if project else None
    return list_budgets([owner], {project: amount} if project and amount is not None else {})


def compute_reservation(instance: Instance, now: datetime) -> Decimal:
    """Return what an instance can still cost this month while it runs: to the end of its lifetime or of the month.

    A stop retains the disk. It counts when it is billed, and is not reserved.
    """
    month = Month.of(now)
    expected = list_expected_segments(instance, now, month.ends_at)
    running = [segment for segment in expected if segment.state is BillingState.RUNNING]
    return round_usd(sum_in_month(running, month))


def compute_use(
    budget: Budget, segments: Sequence[BilledSegment], instances: Iterable[Instance], now: datetime
) -> BudgetUse:
    """Return the use of a budget in the present month.

    :param segments: all that was billed this month until now
    :param instances: all that are not terminated, without the one that is to be launched or started
    """
    month = Month.of(now)
    covered = [instance for instance in instances if budget.covers(instance.owner, instance.spec.project)]
    reservations = [(instance, compute_reservation(instance, now)) for instance in covered]
    counted = [segment for segment in segments if budget.covers(segment.owner, segment.project)]
    return BudgetUse(
        budget=budget,
        month=month,
        spent=round_usd(sum_in_month(counted, month)),
        reserved=round_usd(sum((reserved for _, reserved in reservations), Decimal(0))),
        launches=tuple(
            ReservedLaunch(name=instance.name, owner=instance.owner, reserved=reserved)
            for instance, reserved in reservations
            if reserved and instance.ec2_instance is None and instance.move is None
        ),
    )
