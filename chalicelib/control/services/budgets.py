"""Let a launch or a start through only if its budgets have enough left. Only DynamoDB is called."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.control.spending import Spending, read_spending
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.costs.budget_refusal import build_refusal
from chalicelib.domain.costs.budgets import (
    Budget,
    BudgetScope,
    compute_reservation,
    compute_use,
    find_budgets,
)
from chalicelib.domain.costs.month import Month
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.record import Instance
from chalicelib.store.budget_guards import BudgetGuard
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class BudgetService:
    """The check of budgets before an instance is launched or started."""

    stores: Repositories
    clock: Clock

    def reserve(self, instance: Instance, owner: OwnerSettings, desk: DeskSettings) -> tuple[BudgetGuard, ...]:
        """Check that an instance fits its budgets until the end of its lifetime or of the month.

        :param instance: the record as it will be written
        :returns: the guards to write in the same transaction; it fails if another launch or start was faster
        :raises Conflict: a budget has not enough left
        """
        budgets = find_budgets(owner, instance.spec.project, desk)
        if not budgets:
            return ()
        now = self.clock.now()
        guards = [self.stores.budget_guards.get(budget.key) for budget in budgets]
        spending = self._read(budgets, guards, instance.owner, now)
        others = [other for other in spending.instances if other.id != instance.id]
        needed = compute_reservation(instance, now)
        for budget in budgets:
            use = compute_use(budget, spending.segments, others, now)
            if not use.allows(needed):
                raise build_refusal(use, needed, instance, now)
        return tuple(guard.add(instance.id, now) for guard in guards)

    def _read(self, budgets: tuple[Budget, ...], guards: list[BudgetGuard], owner: str, now: datetime) -> Spending:
        """Read what counts for the budgets. The guards were read before, so no launch that they know is missed."""
        recent_ids = {instance_id for guard in guards for instance_id in guard.recent}
        recent = filter(None, map(self._load, sorted(recent_ids)))
        has_project = any(budget.scope is BudgetScope.PROJECT for budget in budgets)
        return read_spending(self.stores, None if has_project else owner, Month.of(now).first_day, now, recent=recent)

    def _load(self, instance_id: str) -> Instance | None:
        """Return a record, read consistently. An unreadable one has no known cost."""
        try:
            return self.stores.instances.load(instance_id)
        except ValueError:
            return None
