"""Create the record of a launch in one transaction: find repeated requests, refuse names in use and full limits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.record import Instance
from chalicelib.store.budget_guards import BudgetGuard, add_budget_guard
from chalicelib.store.conflicts import ConditionFailed, VersionConflict
from chalicelib.store.decision_log import log_instance_changes
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import commit, find_item
from chalicelib.store.instances.idempotency import (
    EarlierLaunch,
    IdempotencyRecord,
    add_idempotency_record,
    find_earlier_launch,
)
from chalicelib.store.instances.items import adjust_owner_count, build_count_key, build_name_key, to_instance_model
from chalicelib.store.timeline import append_timeline


@dataclass(frozen=True, kw_only=True)
class LaunchConditions:
    """The conditions under which a launch is written.

    :param limit: how many instances the owner may have, this one included
    :param guards: of the budgets that the launch fits
    """

    limit: int
    guards: tuple[BudgetGuard, ...] = ()


class LaunchOutcome(Enum):
    """The outcome of a launch transaction.

    CREATED: the record was created. DUPLICATE: an earlier request with the same key created an instance. NAME_TAKEN:
    active instances have all of the names. LIMIT_REACHED: the owner has as many instances as allowed.
    """

    CREATED = auto()
    DUPLICATE = auto()
    NAME_TAKEN = auto()
    LIMIT_REACHED = auto()


@dataclass(frozen=True)
class LaunchResult:
    """The outcome of a launch transaction.

    :param instance: the record with the name that was tried last; it is stored only if the outcome is CREATED
    :param earlier: only if the outcome is DUPLICATE
    """

    outcome: LaunchOutcome
    instance: Instance
    earlier: EarlierLaunch | None = None


class LaunchRepository:
    """The writes of POST /instances."""

    def launch(
        self,
        instance: Instance,
        entries: tuple[TimelineEntry, ...],
        idempotency: IdempotencyRecord,
        *,
        names: Iterator[str],
        conditions: LaunchConditions,
    ) -> LaunchResult:
        """Write record, timeline, name, count and idempotency record in one transaction: all of them or none.

        :param instance: the record; its name is replaced by one of `names`
        :param names: the names to try, in this order, until one is not in use
        :raises ConditionFailed: another launch or start has used one of the budgets meanwhile
        :raises VersionConflict: all transactions conflicted with other launches of the owner
        :raises RejectedWrite: DynamoDB never accepts the record
        """
        result = self._try_name(replace(instance, name=next(names)), entries, idempotency, conditions)
        while result.outcome is LaunchOutcome.NAME_TAKEN and (name := next(names, None)):
            result = self._try_name(replace(instance, name=name), entries, idempotency, conditions)
        return result

    def find(self, idempotency: IdempotencyRecord, now: datetime) -> EarlierLaunch | None:
        """Return the launch of an earlier request with the same key, until its record expires."""
        return find_earlier_launch(idempotency, now)

    def count_for_limit(self, owner: str) -> int:
        """Return how many instances of an owner count for the limit."""
        item = find_item(DeskModel, build_count_key(owner))
        return int(item.number or 0) if item else 0

    def _try_name(
        self,
        instance: Instance,
        entries: tuple[TimelineEntry, ...],
        idempotency: IdempotencyRecord,
        conditions: LaunchConditions,
    ) -> LaunchResult:
        """Write the record with its name.

        :raises VersionConflict: all transactions conflicted with other launches
        """

        def add_changes(changes: TransactWrite) -> None:
            _add(changes, instance, entries, idempotency, conditions.limit)
            for guard in conditions.guards:
                add_budget_guard(changes, guard, instance.created_at)

        try:
            commit(f"The launch of {instance.id}", add_changes)
        except (VersionConflict, TransactWriteError) as error:
            # The response to an earlier transaction may have been lost.
            result = self._find_result(instance, idempotency)
            if result is None and isinstance(error, ConditionFailed):
                result = _explain(error, instance)
            if result is None:
                raise
            return result
        log_instance_changes(instance, entries)
        return LaunchResult(LaunchOutcome.CREATED, instance)

    def _find_result(self, instance: Instance, idempotency: IdempotencyRecord) -> LaunchResult | None:
        """Return the result of an earlier request. If that was an earlier write of this launch, it is a success."""
        earlier = self.find(idempotency, instance.created_at)
        if earlier is None:
            return None
        if earlier.instance_id == instance.id:
            return LaunchResult(LaunchOutcome.CREATED, instance)
        return LaunchResult(LaunchOutcome.DUPLICATE, instance, earlier)


def _add(
    changes: TransactWrite,
    instance: Instance,
    entries: tuple[TimelineEntry, ...],
    idempotency: IdempotencyRecord,
    limit: int,
) -> None:
    """Add the writes of a launch; `_explain` depends on their order."""
    add_idempotency_record(changes, idempotency, instance.id, instance.created_at)
    changes.save(
        DeskModel(build_name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
    )
    adjust_owner_count(changes, instance.owner, +1, limit)
    changes.save(to_instance_model(instance, None, is_user_write=True))
    append_timeline(changes, instance.id, 1, entries)


def _explain(error: ConditionFailed, instance: Instance) -> LaunchResult | None:
    """Return which condition failed: of the name, the second put, or of the count, the only update."""
    if error.failed[1]:
        return LaunchResult(LaunchOutcome.NAME_TAKEN, instance)
    return LaunchResult(LaunchOutcome.LIMIT_REACHED, instance) if error.failed[-1] else None
