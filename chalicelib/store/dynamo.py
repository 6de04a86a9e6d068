"""The parts that transactions are made of: a record, its timeline, what it cost, and what it holds."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import TERMINATED_RETENTION
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.metering import BilledSegment
from chalicelib.domain.instances.record import Instance
from chalicelib.store.codec import INSTANCE, SEGMENT, to_plain
from chalicelib.store.models import DeskModel, InstanceModel, LedgerModel, TimelineModel, connection

M = TypeVar("M", bound=Model)

MAX_ATTEMPTS = 5
"""A write that meets another one is tried, or decided, again at once; five in a row is not chance."""


class VersionConflict(Exception):
    """The record was changed by somebody else since it was read."""


def transaction() -> TransactWrite:
    """All of it or none, at most a hundred items, none of them twice."""
    return TransactWrite(connection=connection())


def to_instance_model(instance: Instance, version: int | None, *, user_write: bool) -> InstanceModel:
    """The item of a record.

    :param version: that the item in the table must have; None: there must be none
    """
    ended = instance.terminated_at
    guard: dict[str, Any] = {} if version is None else {"version": version}
    return InstanceModel(
        instance.id,
        owner=instance.owner,
        created_key=f"{instance.created_at.isoformat()}#{instance.id}",
        active="active" if instance.is_active else None,
        ec2_instance_id=instance.machine.instance_id if instance.machine else None,
        user_write=user_write or None,
        record=to_plain(INSTANCE, instance),
        expires_at=ended + TERMINATED_RETENTION if ended else None,
        **guard,
    )


def append_timeline(changes: TransactWrite, instance_id: str, version: int, entries: Iterable[TimelineEntry]) -> None:
    """The lines that come with a version of the record."""
    for number, line in enumerate(entries):
        changes.save(
            TimelineModel(
                instance_id,
                f"{version:08}.{number:02}",
                at=line.at.isoformat(),
                actor=line.actor,
                code=str(line.code),
                message=line.message,
                details={name: str(value) for name, value in line.details.items()},
            )
        )


def add_ledger_segments(changes: TransactWrite, segments: Iterable[BilledSegment]) -> None:
    """What has been billed."""
    for segment in segments:
        key = f"{segment.owner}#{segment.since.isoformat()}#{segment.instance_id}"
        changes.save(LedgerModel(f"{segment.until:%Y-%m}", key, segment=to_plain(SEGMENT, segment)))


def release_name_and_count(changes: TransactWrite, instance: Instance) -> None:
    """The name and the place in the limit that a living instance holds."""
    changes.delete(DeskModel(name_key(instance.name)))
    adjust_owner_count(changes, instance.owner, -1)


def reserve_name_and_count(changes: TransactWrite, instance: Instance) -> None:
    """The same, for one that lives again; its name is its id, which nobody else can have."""
    changes.save(DeskModel(name_key(instance.name), instance=instance.id))
    adjust_owner_count(changes, instance.owner, +1)


def adjust_owner_count(changes: TransactWrite, owner: str, by: int, below: int | None = None) -> None:
    """One more or one less of the owner's living instances."""
    condition = None if below is None else DeskModel.number.does_not_exist() | (DeskModel.number < below)
    changes.update(DeskModel(f"count#{owner}"), actions=[DeskModel.number.add(by)], condition=condition)


def name_key(name: str) -> str:
    """Under which key a name is held."""
    return f"name#{name}"


def get_consistent(model: type[M], key: str) -> M | None:
    """An item, read consistently."""
    try:
        return model.get(key, consistent_read=True)
    except DoesNotExist:
        return None


def cancellation_codes(error: TransactWriteError) -> set[str]:
    """Why a transaction was cancelled."""
    return {reason.code if reason else "None" for reason in error.cancellation_reasons}
