"""Notify people when 80 % and 100 % of a monthly budget are spent."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.spending import Spending, read_spending
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.costs.budget_events import BudgetEvent, find_event
from chalicelib.domain.costs.budgets import Budget, BudgetScope, compute_use, list_budgets
from chalicelib.domain.costs.month import Month
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.notifications.budget_notifications import (
    BudgetMessage,
    build_owner_budget_notification,
    build_project_budget_notifications,
)
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BudgetWatch:
    """Notifies the admins and the owners of the use of budgets, once for each month, threshold and amount."""

    stores: Repositories
    clock: Clock

    def check(self) -> int:
        """Compare all budgets with what is spent, and return how many events people were notified of."""
        desk = self.stores.desk.get_settings()
        budgets = list_budgets(self.stores.owners.list_all().values(), desk.project_budgets)
        if not budgets:
            return 0
        now = self.clock.now()
        spending = read_spending(self.stores, None, Month.of(now).first_day, now)
        directory = load_channel_directory(desk, self.stores.owners)
        uses = [(budget, compute_use(budget, spending.segments, spending.instances, now)) for budget in budgets]
        events = [(budget, event) for budget, use in uses if (event := find_event(use))]
        return sum(self._notify_once(budget, event, spending, directory) for budget, event in events)

    def _notify_once(self, budget: Budget, event: BudgetEvent, spending: Spending, directory: ChannelDirectory) -> bool:
        """Write the notifications of an event that are not written yet, and return whether there are any.

        A later check of the month builds them with the same ids. An owner who begins to use a project is notified, too.
        """
        message = BudgetMessage(key=event.key, code=event.code, text=event.message, at=self.clock.now())
        notifications = _build_notifications(budget, message, spending, directory)
        new = [each for each in notifications if self.stores.notifications.put_if_absent(each)]
        if new:
            LOG.info("%s: %s", event.code, event.message)
        return bool(new)


def _build_notifications(
    budget: Budget, message: BudgetMessage, spending: Spending, directory: ChannelDirectory
) -> Iterable[Notification]:
    if budget.scope is BudgetScope.OWNER:
        return [build_owner_budget_notification(message, budget.name, directory)]
    owners = sorted({each.owner for each in spending.instances if budget.covers(each.owner, each.spec.project)})
    return build_project_budget_notifications(message, owners, directory)
