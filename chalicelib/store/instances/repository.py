"""Read and write the records of instances: found by id, name, owner and EC2 id, and changed under a version guard."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import PynamoDBException
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.names import is_valid_name
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.conflicts import ConditionFailed
from chalicelib.store.decision_log import log_instance_changes
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import commit, find_item, read_or_log
from chalicelib.store.instances.items import (
    INSTANCE,
    RecordWrite,
    add_record_write,
    adjust_owner_count,
    build_former_name_key,
    build_name_key,
    to_instance_model,
)
from chalicelib.store.instances.table import ActiveInstances, InstanceModel
from chalicelib.store.notifications import add_notifications
from chalicelib.store.paged_query import build_list_query
from chalicelib.store.timeline import append_timeline
from chalicelib.store.unreadable_item import read_or_raise

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that exists and cannot be read.

    :param error: says why, for the log
    :param owner: None if its item has none, as the following
    """

    id: str
    error: str
    owner: str | None = None
    name: str | None = None
    ec2_instance_id: str | None = None


class InstanceRepository:
    """The instances table, and items of other tables that change with a record."""

    def load(self, id_or_name: str) -> Instance | None:
        """Return a record by id, or by the name of an active instance, read consistently.

        :raises UnreadableItem: the record cannot be read
        """
        item = find_item(InstanceModel, id_or_name)
        if item is None:
            reservation = find_item(DeskModel, build_name_key(id_or_name))
            item = find_item(InstanceModel, reservation.instance) if reservation and reservation.instance else None
        return read_or_raise(item.id, item.owner, partial(_to_instance, item)) if item else None

    def find_newest_terminated(self, name: str, owner: str | None) -> Instance | None:
        """Return the instance with a name that was terminated last, until its record expires.

        :param owner: only this owner's; None: everybody's
        """
        former = find_item(DeskModel, build_former_name_key(name, owner), consistent=False)
        item = find_item(InstanceModel, former.instance) if former and former.instance else None
        return read_or_log(f"record {item.id}", partial(_to_instance, item)) if item else None

    def find_by_ec2_id(self, ec2_instance_id: str) -> Instance | None:
        """Return the record of an EC2 instance."""
        for item in InstanceModel.by_ec2_instance.query(ec2_instance_id, limit=1):
            return self.load(item.id)
        return None

    def exists_for_ec2_id(self, ec2_instance_id: str) -> bool:
        """Return whether an EC2 instance has a record, readable or not."""
        return InstanceModel.by_ec2_instance.count(ec2_instance_id, limit=1) > 0

    def list_active(self) -> Iterator[Instance | UnreadableRecord]:
        """Yield all records that are not terminated, unreadable ones as `UnreadableRecord`."""
        return map(_read_raw_item, _query_active_raw())

    def list_readable(self) -> Iterator[Instance]:
        """Yield the readable records that are not terminated."""
        return (record for record in self.list_active() if isinstance(record, Instance))

    def list_page(self, owner: str | None, *, limit: int, cursor: str | None, now: datetime) -> Page[Instance]:
        """Return a page of the records of one owner, or of everybody, newest first.

        Terminated ones are included until they expire.

        :raises ValidationFailed: the cursor is not one of this list
        """
        return build_list_query("instances", InstanceModel, owner).fetch(
            lambda item: read_or_log(f"record {item.id}", partial(_to_instance, item)),
            limit,
            cursor,
            InstanceModel.expires_at.does_not_exist() | (InstanceModel.expires_at > now),
        )

    def write(self, write: RecordWrite) -> Instance:
        """Write a changed record and all that belongs to it in one transaction.

        :returns: the record with its new version
        :raises VersionConflict: the record has changed since it was read; read it again and decide again
        """
        item = commit(write.after.id, lambda changes: add_record_write(changes, write))
        log_instance_changes(write.after, write.entries)
        return replace(write.after, version=item.version)

    def adopt(
        self, instance: Instance, entries: Iterable[TimelineEntry], notifications: Iterable[Notification] = ()
    ) -> bool:
        """Create the record of an EC2 instance that has none.

        Its name comes from a tag that anybody may have changed. If it is in use, or a person could not have chosen it,
        the id of the record becomes its name.

        :returns: False if it has a record already, for example from another sweep
        :raises RejectedWrite: DynamoDB never accepts the record
        """
        entries, notifications = tuple(entries), tuple(notifications)
        is_ec2_id = instance.ec2_instance is not None and instance.name == instance.ec2_instance.instance_id
        is_valid = is_ec2_id or is_valid_name(instance.name)
        if not is_valid or find_item(DeskModel, build_name_key(instance.name)):
            instance = replace(instance, name=instance.id)

        def add_changes(changes: TransactWrite) -> None:
            item = to_instance_model(instance, None, is_user_write=False)
            changes.save(item, condition=InstanceModel.id.does_not_exist())
            append_timeline(changes, instance.id, 1, entries)
            add_notifications(changes, notifications)
            name = DeskModel(build_name_key(instance.name), instance=instance.id)
            changes.save(name, condition=DeskModel.key.does_not_exist())
            adjust_owner_count(changes, instance.owner, +1)

        try:
            commit(instance.id, add_changes)
        except ConditionFailed:
            return False
        log_instance_changes(instance, entries)
        return True


def _to_instance(item: InstanceModel) -> Instance:
    return replace(INSTANCE.decode(item.record), version=int(item.version))


def _query_active_raw() -> Iterator[dict[str, Any]]:
    """Yield the items of the active index as DynamoDB returns them. PynamoDB would fail the page of a bad item."""
    table = InstanceModel._get_connection()
    start: dict[str, Any] | None = None
    while True:
        response = table.query(
            "active",
            index_name=ActiveInstances.Meta.index_name,
            exclusive_start_key=start,
            attributes_to_get=["id", "record", "version"],
        )
        yield from response.get("Items", ())
        start = response.get("LastEvaluatedKey")
        if not start:
            return


def _read_raw_item(raw: dict[str, Any]) -> Instance | UnreadableRecord:
    record_id = str(raw.get("id", {}).get("S", "?"))
    try:
        return replace(INSTANCE.decode(raw["record"]["S"]), version=int(raw["version"]["N"]))
    except ValidationError as error:
        description = str(error)
    except (PynamoDBException, ValueError, TypeError, KeyError, AttributeError) as error:
        description = f"{type(error).__name__}: {error}"
    return UnreadableRecord(record_id, description[:300], **_read_labels(record_id))


def _read_labels(record_id: str) -> dict[str, str]:
    """Return the attributes beside an unreadable record that say whose it is. The query leaves them out: few need them.

    :returns: those of the attributes that exist; nothing if DynamoDB does not respond
    """
    names = ["owner", "name", "ec2_instance_id"]
    try:
        item = InstanceModel._get_connection().get_item(record_id, attributes_to_get=names).get("Item", {})
    except PynamoDBException as error:
        LOG.warning("whose record %s is cannot be read: %s", record_id, error)
        return {}
    return {name: str(item[name]["S"]) for name in names if "S" in item.get(name, {})}
