"""The notifications table: an outbox, written with the change that is reported, and with a log of deliveries."""

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import NOTIFICATION_RETENTION
from chalicelib.domain.common.pagination import Page, build_list_name
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import read_or_log, save_if
from chalicelib.store.paged_query import PagedQuery
from chalicelib.store.stored_type import StoredType

NOTIFICATION = StoredType(Notification)


class PendingNotifications(GlobalSecondaryIndex["NotificationModel"]):
    """The notifications to deliver. Sparse: a finished notification has no `pending`."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "due"
        projection = AllProjection()

    pending = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class NotificationsByInstance(GlobalSecondaryIndex["NotificationModel"]):
    """The notifications of one instance, in the order in which they were written."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-instance"
        projection = AllProjection()

    instance = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class NotificationModel(TableModel):
    """A message to an owner or admin. `notification` is the domain's value as JSON, with its log of deliveries."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "notifications"

    id = UnicodeAttribute(hash_key=True)
    instance = UnicodeAttribute()
    at = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    notification = UnicodeAttribute()
    expires_at = TTLAttribute(null=True)
    by_due = PendingNotifications()
    by_instance = NotificationsByInstance()


class NotificationOutbox:
    """The notifications table."""

    def list_due(self, now: datetime, limit: int) -> Iterator[Notification]:
        """Yield at most `limit` notifications that have a delivery to attempt now, the oldest first."""
        results = NotificationModel.by_due.query(
            "pending", NotificationModel.due_at <= int(now.timestamp()), page_size=limit
        )
        readable = (notification for notification in map(_to_notification_or_log, results) if notification)
        yield from itertools.islice(readable, limit)

    def put_if_absent(self, notification: Notification) -> bool:
        """Write a notification that comes with no change of a record.

        :returns: False if it exists already
        """
        return save_if(_to_model(notification), NotificationModel.id.does_not_exist())

    def save(self, notification: Notification) -> None:
        """Write a notification after an attempt to deliver it."""
        _to_model(notification).save()

    def list_for_instance(self, instance_id: str, *, limit: int, cursor: str | None = None) -> Page[Notification]:
        """Return a page of the notifications of an instance, newest first.

        :raises ValidationFailed: the cursor is not one of this list
        """
        name = build_list_name("notifications", instance_id)
        query = PagedQuery(name, NotificationModel.by_instance, ("instance", instance_id), ("id", "at"))
        return query.fetch(_to_notification_or_log, limit, cursor)


def add_notifications(changes: TransactWrite, notifications: Iterable[Notification]) -> None:
    """Add notifications to the transaction of the change that they report."""
    for notification in notifications:
        changes.save(_to_model(notification))


def _to_notification_or_log(item: NotificationModel) -> Notification | None:
    return read_or_log(f"notification {item.id}", partial(_to_notification, item))


def _to_notification(item: NotificationModel) -> Notification:
    return NOTIFICATION.decode(item.notification)


def _to_model(notification: Notification) -> NotificationModel:
    due_at = notification.due_at
    return NotificationModel(
        notification.id,
        instance=notification.instance_id,
        at=f"{notification.at.isoformat()}#{notification.id}",
        pending="pending" if due_at else None,
        due_at=int(due_at.timestamp()) if due_at else None,
        notification=NOTIFICATION.encode(notification),
        expires_at=notification.at + NOTIFICATION_RETENTION,
    )
