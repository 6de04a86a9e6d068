"""Notifications: written together with the change that they report, with their delivery log."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError
from pynamodb.exceptions import PutError
from pynamodb.transactions import TransactWrite

from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.codec import NOTICE, to_plain
from chalicelib.store.cursors import decode_cursor, encode_cursor
from chalicelib.store.models import NotificationModel

LOG = logging.getLogger(__name__)

RETENTION = timedelta(days=30)


@dataclass(frozen=True)
class Page:
    """Some of an instance's notices, and where they go on."""

    items: tuple[Notification, ...]
    next_cursor: str | None


class NotificationOutbox:
    """The notifications table: an outbox."""

    def list_due(self, now: datetime, limit: int) -> Iterator[Notification]:
        """Those with a channel to be tried, the oldest first. One that cannot be read does not hide the others."""
        results = NotificationModel.by_due.query(
            "pending", NotificationModel.due_at <= int(now.timestamp()), page_size=limit
        )
        yield from itertools.islice(filter(None, map(_readable, results)), limit)

    def put_if_absent(self, notice: Notification) -> bool:
        """A notice that comes with no change of a record.

        :returns: whether it was not there yet
        """
        try:
            _model(notice).save(condition=NotificationModel.id.does_not_exist())
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def save(self, notice: Notification) -> None:
        """What a try has changed."""
        _model(notice).save()

    def list_for_instance(self, instance_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """An instance's, newest first.

        :raises BadCursor: not a cursor of this list
        """
        results = NotificationModel.by_instance.query(
            instance_id,
            scan_index_forward=False,
            limit=limit,
            last_evaluated_key=decode_cursor(cursor, ("instance", instance_id), "id", "at"),
        )
        items = tuple(filter(None, map(_readable, results)))
        return Page(items, encode_cursor(results.last_evaluated_key))


def add_notifications(changes: TransactWrite, notices: Iterable[Notification]) -> None:
    """Write them in the transaction of the change that they tell of."""
    for notice in notices:
        changes.save(_model(notice))


def _readable(found: NotificationModel) -> Notification | None:
    try:
        return NOTICE.validate_python(found.notification.as_dict())
    except ValidationError as problem:
        LOG.error("notice %s cannot be read: %s", found.id, str(problem)[:300])
        return None


def _model(notice: Notification) -> NotificationModel:
    due_at = notice.due_at
    return NotificationModel(
        notice.id,
        instance=notice.instance_id,
        at=f"{notice.at.isoformat()}#{notice.id}",
        pending="pending" if due_at else None,
        due_at=int(due_at.timestamp()) if due_at else None,
        notification=to_plain(NOTICE, notice),
        expires_at=notice.at + RETENTION,
    )
