"""The records of instances: changed under a guard, found by id, name, owner and machine."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.metering import BilledSegment
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.benchmarks import add_benchmark
from chalicelib.store.codec import INSTANCE
from chalicelib.store.cursors import decode_cursor, encode_cursor
from chalicelib.store.dynamo import (
    MAX_ATTEMPTS,
    VersionConflict,
    add_ledger_segments,
    adjust_owner_count,
    append_timeline,
    cancellation_codes,
    get_consistent,
    name_key,
    release_name_and_count,
    reserve_name_and_count,
    to_instance_model,
    transaction,
)
from chalicelib.store.models import PARTITION, ActiveInstances, DeskModel, InstanceModel
from chalicelib.store.notifications import add_notifications

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that is there and cannot be read."""

    id: str
    why: str


@dataclass(frozen=True)
class Page:
    """Some of a list, and where it goes on."""

    items: tuple[Instance, ...]
    next_cursor: str | None


class InstanceRepository:
    """The instances table and what must change together with it."""

    def load(self, id_or_name: str) -> Instance | None:
        """By id, or by the name of a living instance; read consistently.

        :raises ValidationError: the record cannot be read
        """
        found = get_consistent(InstanceModel, id_or_name)
        if found is None:
            held = get_consistent(DeskModel, name_key(id_or_name))
            found = get_consistent(InstanceModel, held.instance) if held and held.instance else None
        return _instance(found) if found else None

    def find_by_ec2_id(self, ec2_instance_id: str) -> Instance | None:
        """The record behind which an EC2 instance stands."""
        for found in InstanceModel.by_ec2_instance.query(ec2_instance_id, limit=1):
            return self.load(found.id)
        return None

    def exists_for_ec2_id(self, ec2_instance_id: str) -> bool:
        """Whether any record, readable or not, is about this EC2 instance."""
        return InstanceModel.by_ec2_instance.count(ec2_instance_id, limit=1) > 0

    def list_active(self) -> Iterator[Instance | UnreadableRecord]:
        """All that are not terminated; one that cannot be read does not hide the others."""
        for item in _raw_living():
            yield _readable(item)

    def page(self, owner: str | None, *, limit: int, cursor: str | None, now: datetime) -> Page:
        """Newest first: one owner's, or all; terminated ones for as long as they are listed.

        :raises BadCursor: not a cursor of this list
        """
        index: Any = InstanceModel.by_owner if owner else InstanceModel.by_creation
        scope = ("owner", owner) if owner else ("partition", PARTITION)
        results = index.query(
            scope[1],
            scan_index_forward=False,
            limit=limit,
            last_evaluated_key=decode_cursor(cursor, scope, "id", "created_key"),
            filter_condition=InstanceModel.expires_at.does_not_exist() | (InstanceModel.expires_at > now),
        )
        items = [_readable_model(found) for found in results]
        for broken in items:
            if isinstance(broken, UnreadableRecord):
                LOG.error("record %s cannot be read: %s", broken.id, broken.why)
        return Page(tuple(i for i in items if isinstance(i, Instance)), encode_cursor(results.last_evaluated_key))

    def write(
        self,
        before: Instance,
        after: Instance,
        entries: Iterable[TimelineEntry] = (),
        segments: Iterable[BilledSegment] = (),
        notices: Iterable[Notification] = (),
        *,
        user_write: bool = False,
        measured: Benchmark | None = None,
    ) -> Instance:
        """One transaction, guarded by the version of `before`: the record, its timeline, what it cost, who is told.

        :param measured: to be kept with it
        :param user_write: a person's write, which the stream passes on
        :returns: the record with its new version
        :raises Stale: somebody was faster; read it again and decide again
        """
        for _ in range(MAX_ATTEMPTS):
            model = to_instance_model(after, before.version, user_write=user_write)
            try:
                with transaction() as changes:
                    changes.save(model)
                    append_timeline(changes, after.id, (before.version or 0) + 1, entries)
                    add_ledger_segments(changes, segments)
                    add_notifications(changes, notices)
                    if measured:
                        add_benchmark(changes, measured)
                    if before.is_active and not after.is_active:
                        release_name_and_count(changes, before)
                    elif after.is_active and not before.is_active:
                        reserve_name_and_count(changes, after)
            except TransactWriteError as error:
                why = cancellation_codes(error)
                if "ConditionalCheckFailed" in why:
                    raise VersionConflict(f"{after.id} has changed since version {before.version}") from error
                if "TransactionConflict" in why:
                    continue
                raise
            return replace(after, version=model.version)
        raise VersionConflict(f"{after.id} is being changed by others")

    def adopt(self, instance: Instance, entries: Iterable[TimelineEntry], notices: Iterable[Notification] = ()) -> bool:
        """A record for a machine that has none; its name is held where it is free.

        :returns: whether it was made now (and not before, by another sweep)
        """
        is_free = get_consistent(DeskModel, name_key(instance.name)) is None
        instance = instance if is_free else replace(instance, name=instance.id)
        try:
            with transaction() as changes:
                changes.save(
                    to_instance_model(instance, None, user_write=False), condition=InstanceModel.id.does_not_exist()
                )
                append_timeline(changes, instance.id, 1, entries)
                add_notifications(changes, notices)
                changes.save(
                    DeskModel(name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
                )
                adjust_owner_count(changes, instance.owner, +1)
        except TransactWriteError as error:
            if "ConditionalCheckFailed" in cancellation_codes(error):
                return False
            raise
        return True


def _instance(model: InstanceModel) -> Instance:
    return replace(INSTANCE.validate_python(model.record.as_dict()), version=int(model.version))


def _raw_living() -> Iterator[dict[str, Any]]:
    """Page by page as DynamoDB gives them, so that one bad item spoils no page."""
    table = InstanceModel._get_connection()
    start: dict[str, Any] | None = None
    while True:
        answer = table.query("active", index_name=ActiveInstances.Meta.index_name, exclusive_start_key=start)
        yield from answer.get("Items", ())
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _readable_model(model: InstanceModel) -> Instance | UnreadableRecord:
    try:
        return _instance(model)
    except ValidationError as problem:
        return UnreadableRecord(model.id, str(problem)[:300])


def _readable(item: dict[str, Any]) -> Instance | UnreadableRecord:
    try:
        return _readable_model(InstanceModel.from_raw_data(item))
    except (PynamoDBException, ValueError, TypeError, KeyError, AttributeError) as problem:
        return UnreadableRecord(str(item.get("id", {}).get("S", "?")), f"{type(problem).__name__}: {problem}"[:300])
