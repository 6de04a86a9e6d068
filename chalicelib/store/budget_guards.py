"""The guards of budgets: of two launches that read the same budget, one conditional write succeeds.

A guard has a version, and the launches and starts that were written with it recently. Their records are read by id,
because an index may not show them yet: it is eventually consistent
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import BUDGET_GUARD_RETENTION, INDEX_LAG
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import find_item
from chalicelib.store.stored_type import StoredType


@dataclass(frozen=True, kw_only=True)
class BudgetGuard:
    """The guard of one budget.

    :param key: of the budget
    :param version: as it was read, for the conditional write; None: not stored yet
    :param recent: when each instance was launched or started last, by id; only those within `INDEX_LAG`
    """

    key: str
    version: int | None = None
    recent: Mapping[str, datetime] = field(default_factory=dict)

    def add(self, instance_id: str, now: datetime) -> "BudgetGuard":
        """Return the guard with a launch or a start, and without those that every index shows by now."""
        recent = {known: at for known, at in self.recent.items() if now - at < INDEX_LAG}
        return replace(self, recent={**recent, instance_id: now})


GUARD = StoredType(BudgetGuard)


class BudgetGuards:
    """The guards of budgets, in the desk table."""

    def get(self, key: str) -> BudgetGuard:
        """Return the guard of a budget, read consistently."""
        item = find_item(DeskModel, build_guard_key(key))
        if item is None or item.note is None:
            return BudgetGuard(key=key)
        return replace(GUARD.decode(item.note), version=int(item.version or 0))


def add_budget_guard(changes: TransactWrite, guard: BudgetGuard, now: datetime) -> None:
    """Add a guard to the transaction of a launch or a start. It fails if another one was written meanwhile."""
    condition = DeskModel.version == guard.version if guard.version else DeskModel.key.does_not_exist()
    item = DeskModel(
        build_guard_key(guard.key),
        note=GUARD.encode(guard),
        version=(guard.version or 0) + 1,
        expires_at=now + BUDGET_GUARD_RETENTION,
    )
    changes.save(item, condition=condition)


def build_guard_key(budget_key: str) -> str:
    """Return the key of the desk item that guards a budget."""
    return f"budget#{budget_key}"
