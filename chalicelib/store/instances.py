"""The records of instances: launched once, changed under a guard, found by id, name, owner and machine."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from pynamodb.exceptions import DoesNotExist, PynamoDBException, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.domain.cost import Segment
from chalicelib.domain.instance import Instance
from chalicelib.domain.plan import Entry
from chalicelib.domain.timings import IDEMPOTENCY_KEPT, TERMINATED_LISTED
from chalicelib.store.codec import INSTANCE, SEGMENT, dumped
from chalicelib.store.models import DeskModel, InstanceModel, LedgerModel, Living, TimelineModel, connection

M = TypeVar("M", bound=Model)

TRIES = 5
"""A transaction that conflicts with another is tried again at once; five in a row is not chance."""


class Stale(Exception):
    """The record was changed by somebody else since it was read."""


class BadCursor(ValueError):
    """A cursor that this desk did not give."""


@dataclass(frozen=True)
class Broken:
    """A record that is there and cannot be read."""

    id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What makes two requests the same.

    :param key: of the owner and of the Idempotency-Key or of what was asked for
    :param digest: of the body: the same key with another body is a mistake
    :param until: how long it is remembered
    """

    key: str
    digest: str
    until: datetime


@dataclass(frozen=True)
class Launched:
    """The record was made."""


@dataclass(frozen=True)
class SameWish:
    """The wish was granted before.

    :param same_body: whether it was word for word the same
    """

    instance_id: str
    same_body: bool


@dataclass(frozen=True)
class NameTaken:
    """An instance of that name lives."""


@dataclass(frozen=True)
class LimitReached:
    """The owner has as many living instances as allowed."""


LaunchResult = Launched | SameWish | NameTaken | LimitReached


@dataclass(frozen=True)
class Page:
    """Some of a list, and where it goes on."""

    items: tuple[Instance, ...]
    next_cursor: str | None


class Instances:
    """The instances table and what must change together with it."""

    def launch(
        self, instance: Instance, entries: Iterable[Entry], wish: Wish, *, limit: int, now: datetime
    ) -> LaunchResult:
        """One transaction: record, name, limit, wish and timeline, all of them or none.

        :param limit: how many living instances the owner may have, this one included
        """
        for _ in range(TRIES):
            known = _wish(wish, now)
            if known:
                return known
            try:
                self._launch(instance, entries, wish, limit, now)
            except TransactWriteError as error:
                refusal = self._refusal(error, wish, now)
                if refusal:
                    return refusal
            else:
                return Launched()
        raise Stale(f"{TRIES} launches of {instance.owner} in a row met another one")

    def load(self, id_or_name: str) -> Instance | None:
        """By id, or by the name of a living instance; read consistently.

        :raises ValidationError: the record cannot be read
        """
        found = self._get(id_or_name)
        if found is None:
            held = _get(DeskModel, _name_key(id_or_name))
            found = self._get(held.instance) if held and held.instance else None
        return _instance(found) if found else None

    def by_machine(self, ec2_instance_id: str) -> Instance | None:
        """The record behind which an EC2 instance stands."""
        for found in InstanceModel.by_machine.query(ec2_instance_id, limit=1):
            return self.load(found.id)
        return None

    def knows_machine(self, ec2_instance_id: str) -> bool:
        """Whether any record, readable or not, is about this EC2 instance."""
        return InstanceModel.by_machine.count(ec2_instance_id, limit=1) > 0

    def living(self) -> Iterator[Instance | Broken]:
        """All that are not terminated; one that cannot be read does not hide the others."""
        for item in _raw_living():
            yield _readable(item)

    def page(self, owner: str | None, *, limit: int, cursor: str | None, now: datetime) -> Page:
        """Newest first: one owner's, or all; terminated ones for as long as they are listed.

        :raises BadCursor: not a cursor of this list
        """
        index: Any = InstanceModel.by_owner if owner else InstanceModel.by_desk
        key = owner or "desk"
        results = index.query(
            key,
            scan_index_forward=False,
            limit=limit,
            last_evaluated_key=_start(cursor, owner),
            filter_condition=InstanceModel.expires_at.does_not_exist() | (InstanceModel.expires_at > now),
        )
        items = tuple(_instance(found) for found in results)
        return Page(items, _cursor(results.last_evaluated_key))

    def write(
        self,
        before: Instance,
        after: Instance,
        entries: Iterable[Entry] = (),
        segments: Iterable[Segment] = (),
        *,
        wake: bool = False,
    ) -> Instance:
        """One transaction, guarded by the version of `before`: the record, its timeline, what it cost.

        :param wake: a person's write, which the stream passes on
        :returns: the record with its new version
        :raises Stale: somebody was faster; read it again and decide again
        """
        for _ in range(TRIES):
            model = _model(after, before.version, wake=wake)
            try:
                with TransactWrite(connection=connection()) as transaction:
                    transaction.save(model)
                    _append(transaction, after.id, (before.version or 0) + 1, entries)
                    _book(transaction, segments)
                    if before.lives and not after.lives:
                        _free(transaction, before)
            except TransactWriteError as error:
                if _codes(error) <= {"None", "TransactionConflict"}:
                    continue
                raise Stale(f"{after.id} has changed since version {before.version}") from error
            return replace(after, version=model.version)
        raise Stale(f"{after.id} is being changed by others")

    def adopt(self, instance: Instance, entries: Iterable[Entry]) -> bool:
        """A record for a machine that has none; its name is held where it is free.

        :returns: whether it was made now (and not before, by another sweep)
        """
        is_free = _get(DeskModel, _name_key(instance.name)) is None
        instance = instance if is_free else replace(instance, name=instance.id)
        try:
            with TransactWrite(connection=connection()) as transaction:
                transaction.save(_model(instance, None, wake=False), condition=InstanceModel.id.does_not_exist())
                _append(transaction, instance.id, 1, entries)
                transaction.save(
                    DeskModel(_name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
                )
                _count(transaction, instance.owner, +1)
        except TransactWriteError:
            return False
        return True

    def _get(self, instance_id: str) -> InstanceModel | None:
        return _get(InstanceModel, instance_id)

    def _launch(self, instance: Instance, entries: Iterable[Entry], wish: Wish, limit: int, now: datetime) -> None:
        with TransactWrite(connection=connection()) as transaction:
            transaction.save(
                DeskModel(
                    wish.key,
                    instance=instance.id,
                    digest=wish.digest,
                    until=int(wish.until.timestamp()),
                    expires_at=wish.until + IDEMPOTENCY_KEPT,
                ),
                condition=DeskModel.key.does_not_exist() | (DeskModel.until < int(now.timestamp())),
            )
            transaction.save(
                DeskModel(_name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
            )
            _count(transaction, instance.owner, +1, below=limit)
            transaction.save(_model(instance, None, wake=True))
            _append(transaction, instance.id, 1, entries)

    def _refusal(self, error: TransactWriteError, wish: Wish, now: datetime) -> LaunchResult | None:
        """What a failed transaction means; our own earlier request is a success. None: try again.

        PynamoDB sends the puts in their order (wish, name, record, timeline) and then the updates (limit).
        """
        known = _wish(wish, now)
        if known:
            return known
        reasons = [reason.code if reason else None for reason in error.cancellation_reasons]
        failed = [reason == "ConditionalCheckFailed" for reason in reasons]
        if not any(failed):
            return None
        if failed[1]:
            return NameTaken()
        return LimitReached() if failed[-1] else None


def _model(instance: Instance, version: int | None, *, wake: bool) -> InstanceModel:
    ended = instance.terminated_at
    guard: dict[str, Any] = {} if version is None else {"version": version}
    return InstanceModel(
        instance.id,
        owner=instance.owner,
        born=f"{instance.created_at.isoformat()}#{instance.id}",
        living="living" if instance.lives else None,
        machine=instance.machine.instance_id if instance.machine else None,
        wake=True if wake else None,
        record=dumped(INSTANCE, instance),
        expires_at=ended + TERMINATED_LISTED if ended else None,
        **guard,
    )


def _instance(model: InstanceModel) -> Instance:
    return replace(INSTANCE.validate_python(model.record.as_dict()), version=int(model.version))


def _raw_living() -> Iterator[dict[str, Any]]:
    """Page by page as DynamoDB gives them, so that one bad item spoils no page."""
    table = InstanceModel._get_connection()
    start: dict[str, Any] | None = None
    while True:
        answer = table.query("living", index_name=Living.Meta.index_name, exclusive_start_key=start)
        yield from answer.get("Items", ())
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _readable(item: dict[str, Any]) -> Instance | Broken:
    try:
        return _instance(InstanceModel.from_raw_data(item))
    except (PynamoDBException, ValidationError, ValueError, TypeError, KeyError, AttributeError) as problem:
        return Broken(str(item.get("id", {}).get("S", "?")), f"{type(problem).__name__}: {problem}"[:300])


def _append(transaction: TransactWrite, instance_id: str, version: int, entries: Iterable[Entry]) -> None:
    for number, line in enumerate(entries):
        transaction.save(
            TimelineModel(
                instance_id,
                f"{version:08}.{number:02}",
                at=line.at.isoformat(),
                actor=line.actor,
                code=line.code,
                sentence=line.sentence,
                details=dict(line.details),
            )
        )


def _book(transaction: TransactWrite, segments: Iterable[Segment]) -> None:
    for segment in segments:
        key = f"{segment.owner}#{segment.since.isoformat()}#{segment.instance_id}"
        transaction.save(LedgerModel(f"{segment.until:%Y-%m}", key, segment=dumped(SEGMENT, segment)))


def _free(transaction: TransactWrite, instance: Instance) -> None:
    transaction.delete(DeskModel(_name_key(instance.name)))
    _count(transaction, instance.owner, -1)


def _count(transaction: TransactWrite, owner: str, by: int, below: int | None = None) -> None:
    condition = None if below is None else DeskModel.number.does_not_exist() | (DeskModel.number < below)
    transaction.update(DeskModel(f"count#{owner}"), actions=[DeskModel.number.add(by)], condition=condition)


def _wish(wish: Wish, now: datetime) -> SameWish | None:
    found = _get(DeskModel, wish.key)
    if found is None or not found.instance or (found.until or 0) < now.timestamp():
        return None
    return SameWish(found.instance, same_body=found.digest == wish.digest)


def _name_key(name: str) -> str:
    return f"name#{name}"


def _get(model: type[M], key: str) -> M | None:
    try:
        return model.get(key, consistent_read=True)
    except DoesNotExist:
        return None


def _codes(error: TransactWriteError) -> set[str]:
    return {reason.code if reason else "None" for reason in error.cancellation_reasons}


def _cursor(key: dict[str, Any] | None) -> str | None:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def _start(cursor: str | None, owner: str | None) -> dict[str, Any] | None:
    """Where a list goes on; the keys must be those of this very list."""
    if cursor is None:
        return None
    expected = {"id", "born", "owner" if owner else "desk"}
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        is_ours = set(key) == expected and all(isinstance(v["S"], str) and v["S"] and len(v) == 1 for v in key.values())
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise BadCursor(cursor[:40]) from problem
    if not is_ours or (owner and key["owner"]["S"] != owner):
        raise BadCursor(cursor[:40])
    return dict(key)
