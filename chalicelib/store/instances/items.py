"""The writes that belong to a record of an instance: its item, timeline, bill, name and the owner's count.

Each function adds its writes to a transaction, so that a record and all that follows from its change are written
together. The repositories of instances and of images and the launch share them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.common.deadlines import HEARTBEAT_RETENTION, TERMINATED_RETENTION
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.benchmarks import add_benchmark
from chalicelib.store.budget_guards import BudgetGuard, add_budget_guard
from chalicelib.store.desk import DeskModel
from chalicelib.store.heartbeats import set_heartbeat_expiry
from chalicelib.store.instances.table import InstanceModel
from chalicelib.store.ledger import add_ledger_segments
from chalicelib.store.notifications import add_notifications
from chalicelib.store.stored_type import StoredType
from chalicelib.store.timeline import append_timeline

INSTANCE = StoredType(Instance, former_names={"is_foreign": "is_adopted_on_request"})


@dataclass(frozen=True, kw_only=True)
class RecordWrite:
    """A changed record, and all that is written in the same transaction.

    :param before: as it was read; the write succeeds only if the table still holds this version
    :param heartbeat_key: the heartbeat item, which expires some days after the termination
    :param guards: of the budgets that a start fits
    :param is_user_write: a write for a person's request; the table's stream passes it on to the control loop
    """

    before: Instance
    after: Instance
    entries: tuple[TimelineEntry, ...] = ()
    segments: tuple[BilledSegment, ...] = ()
    notifications: tuple[Notification, ...] = ()
    benchmark: Benchmark | None = None
    heartbeat_key: str | None = None
    guards: tuple[BudgetGuard, ...] = ()
    is_user_write: bool = False


def add_record_write(changes: TransactWrite, write: RecordWrite) -> InstanceModel:
    """Add a changed record and all that belongs to it.

    :returns: the item; its `version` is the new one as soon as the transaction has succeeded
    """
    before, after = write.before, write.after
    item = to_instance_model(after, before.version, is_user_write=write.is_user_write)
    changes.save(item)
    append_timeline(changes, after.id, (before.version or 0) + 1, write.entries)
    add_ledger_segments(changes, write.segments)
    add_notifications(changes, write.notifications)
    for guard in write.guards:
        add_budget_guard(changes, guard, write.entries[-1].at)
    if write.benchmark:
        add_benchmark(changes, write.benchmark)
    count_change = after.counts_for_limit - before.counts_for_limit
    if count_change:
        adjust_owner_count(changes, after.owner, count_change)
    if before.is_active and not after.is_active:
        changes.delete(DeskModel(build_name_key(before.name)))
        remember_former_name(changes, after, item.expires_at)
        if write.heartbeat_key and after.terminated_at:
            set_heartbeat_expiry(changes, write.heartbeat_key, after.terminated_at + HEARTBEAT_RETENTION)
    elif after.is_active and not before.is_active:
        # A reopened record has its id as its name, which no other record has.
        changes.save(DeskModel(build_name_key(after.name), instance=after.id))
        if write.heartbeat_key:
            set_heartbeat_expiry(changes, write.heartbeat_key, None)
    return item


def to_instance_model(instance: Instance, version: int | None, *, is_user_write: bool) -> InstanceModel:
    """Return the item of a record.

    :param version: the version that the table must hold; None if it must hold no such item
    """
    terminated_at = instance.terminated_at
    guard: dict[str, Any] = {} if version is None else {"version": version}
    return InstanceModel(
        instance.id,
        owner=instance.owner,
        name=instance.name,
        created_key=f"{instance.created_at.isoformat()}#{instance.id}",
        active="active" if instance.is_active else None,
        ec2_instance_id=instance.ec2_instance.instance_id if instance.ec2_instance else None,
        user_write=is_user_write or None,
        record=INSTANCE.encode(instance),
        expires_at=terminated_at + TERMINATED_RETENTION if terminated_at else None,
        **guard,
    )


def remember_former_name(changes: TransactWrite, instance: Instance, expires_at: datetime | None) -> None:
    """Write which instance had a name last: of its owner, and of everybody. Both items expire with the record."""
    for owner in (instance.owner, None):
        key = build_former_name_key(instance.name, owner)
        changes.save(DeskModel(key, instance=instance.id, expires_at=expires_at))


def adjust_owner_count(changes: TransactWrite, owner: str, by: int, limit: int | None = None) -> None:
    """Change the count of the owner's instances that count for the limit.

    :param limit: the transaction fails if the count has already reached this limit
    """
    condition = None if limit is None else DeskModel.number.does_not_exist() | (DeskModel.number < limit)
    changes.update(DeskModel(build_count_key(owner)), actions=[DeskModel.number.add(by)], condition=condition)


def build_name_key(name: str) -> str:
    """Return the key of the desk item that reserves a name."""
    return f"name#{name}"


def build_former_name_key(name: str, owner: str | None) -> str:
    """Return the key of the desk item that holds the last terminated instance with a name.

    :param owner: only instances of this owner; None: those of everybody
    """
    return f"former-name#{name}#{owner or ''}"


def build_count_key(owner: str) -> str:
    """Return the key of the desk item that counts the instances of an owner for the limit."""
    return f"count#{owner}"
