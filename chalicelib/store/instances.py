"""The records of instances: changed under a guard, found by id, name, owner and machine."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from chalicelib.domain.benchmarks import Benchmark
from chalicelib.domain.cost import Segment
from chalicelib.domain.instance import Instance
from chalicelib.domain.notices import Notice
from chalicelib.domain.plan import Entry
from chalicelib.store.benchmarks import keep
from chalicelib.store.codec import INSTANCE
from chalicelib.store.cursors import cursor_of, start_of
from chalicelib.store.models import PARTITION, DeskModel, InstanceModel, Living
from chalicelib.store.notices import announce
from chalicelib.store.transactions import (
    TRIES,
    Stale,
    append,
    book,
    codes,
    count,
    free,
    hold,
    item_of,
    model_of,
    name_key,
    transaction,
)

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broken:
    """A record that is there and cannot be read."""

    id: str
    why: str


@dataclass(frozen=True)
class Page:
    """Some of a list, and where it goes on."""

    items: tuple[Instance, ...]
    next_cursor: str | None


class Instances:
    """The instances table and what must change together with it."""

    def load(self, id_or_name: str) -> Instance | None:
        """By id, or by the name of a living instance; read consistently.

        :raises ValidationError: the record cannot be read
        """
        found = item_of(InstanceModel, id_or_name)
        if found is None:
            held = item_of(DeskModel, name_key(id_or_name))
            found = item_of(InstanceModel, held.instance) if held and held.instance else None
        return _instance(found) if found else None

    def by_machine(self, ec2_instance_id: str) -> Instance | None:
        """The record behind which an EC2 instance stands."""
        for found in InstanceModel.by_ec2_instance.query(ec2_instance_id, limit=1):
            return self.load(found.id)
        return None

    def knows_machine(self, ec2_instance_id: str) -> bool:
        """Whether any record, readable or not, is about this EC2 instance."""
        return InstanceModel.by_ec2_instance.count(ec2_instance_id, limit=1) > 0

    def living(self) -> Iterator[Instance | Broken]:
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
            last_evaluated_key=start_of(cursor, scope, "id", "created_key"),
            filter_condition=InstanceModel.expires_at.does_not_exist() | (InstanceModel.expires_at > now),
        )
        items = [_readable_model(found) for found in results]
        for broken in items:
            if isinstance(broken, Broken):
                LOG.error("record %s cannot be read: %s", broken.id, broken.why)
        return Page(tuple(i for i in items if isinstance(i, Instance)), cursor_of(results.last_evaluated_key))

    def write(
        self,
        before: Instance,
        after: Instance,
        entries: Iterable[Entry] = (),
        segments: Iterable[Segment] = (),
        notices: Iterable[Notice] = (),
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
        for _ in range(TRIES):
            model = model_of(after, before.version, user_write=user_write)
            try:
                with transaction() as changes:
                    changes.save(model)
                    append(changes, after.id, (before.version or 0) + 1, entries)
                    book(changes, segments)
                    announce(changes, notices)
                    if measured:
                        keep(changes, measured)
                    if before.lives and not after.lives:
                        free(changes, before)
                    elif after.lives and not before.lives:
                        hold(changes, after)
            except TransactWriteError as error:
                why = codes(error)
                if "ConditionalCheckFailed" in why:
                    raise Stale(f"{after.id} has changed since version {before.version}") from error
                if "TransactionConflict" in why:
                    continue
                raise
            return replace(after, version=model.version)
        raise Stale(f"{after.id} is being changed by others")

    def adopt(self, instance: Instance, entries: Iterable[Entry], notices: Iterable[Notice] = ()) -> bool:
        """A record for a machine that has none; its name is held where it is free.

        :returns: whether it was made now (and not before, by another sweep)
        """
        is_free = item_of(DeskModel, name_key(instance.name)) is None
        instance = instance if is_free else replace(instance, name=instance.id)
        try:
            with transaction() as changes:
                changes.save(model_of(instance, None, user_write=False), condition=InstanceModel.id.does_not_exist())
                append(changes, instance.id, 1, entries)
                announce(changes, notices)
                changes.save(
                    DeskModel(name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
                )
                count(changes, instance.owner, +1)
        except TransactWriteError as error:
            if "ConditionalCheckFailed" in codes(error):
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
        answer = table.query("active", index_name=Living.Meta.index_name, exclusive_start_key=start)
        yield from answer.get("Items", ())
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _readable_model(model: InstanceModel) -> Instance | Broken:
    try:
        return _instance(model)
    except ValidationError as problem:
        return Broken(model.id, str(problem)[:300])


def _readable(item: dict[str, Any]) -> Instance | Broken:
    try:
        return _readable_model(InstanceModel.from_raw_data(item))
    except (PynamoDBException, ValueError, TypeError, KeyError, AttributeError) as problem:
        return Broken(str(item.get("id", {}).get("S", "?")), f"{type(problem).__name__}: {problem}"[:300])
