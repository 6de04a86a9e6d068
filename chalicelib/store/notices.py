"""Notifications: written together with the change that they report, with their delivery log."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError
from pynamodb.exceptions import PutError
from pynamodb.transactions import TransactWrite

from chalicelib.domain.notices import Notice
from chalicelib.store.codec import NOTICE, dumped
from chalicelib.store.cursors import cursor_of, start_of
from chalicelib.store.models import NoticeModel

LOG = logging.getLogger(__name__)

KEPT = timedelta(days=30)


@dataclass(frozen=True)
class NoticePage:
    """Some of an instance's notices, and where they go on."""

    items: tuple[Notice, ...]
    next_cursor: str | None


class Notices:
    """The notifications table: an outbox."""

    def due(self, now: datetime, most: int) -> Iterator[Notice]:
        """Those with a channel to be tried, the oldest first. One that cannot be read does not hide the others."""
        results = NoticeModel.by_due.query("pending", NoticeModel.due_at <= int(now.timestamp()), page_size=most)
        yield from itertools.islice(filter(None, map(_readable, results)), most)

    def put_new(self, notice: Notice) -> bool:
        """A notice that comes with no change of a record.

        :returns: whether it was not there yet
        """
        try:
            _model(notice).save(condition=NoticeModel.id.does_not_exist())
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def save(self, notice: Notice) -> None:
        """What a try has changed."""
        _model(notice).save()

    def of_instance(self, instance_id: str, *, limit: int, cursor: str | None = None) -> NoticePage:
        """An instance's, newest first.

        :raises BadCursor: not a cursor of this list
        """
        results = NoticeModel.by_instance.query(
            instance_id,
            scan_index_forward=False,
            limit=limit,
            last_evaluated_key=start_of(cursor, ("instance", instance_id), "id", "at"),
        )
        items = tuple(filter(None, map(_readable, results)))
        return NoticePage(items, cursor_of(results.last_evaluated_key))


def announce(changes: TransactWrite, notices: Iterable[Notice]) -> None:
    """Write them in the transaction of the change that they tell of."""
    for notice in notices:
        changes.save(_model(notice))


def _readable(found: NoticeModel) -> Notice | None:
    try:
        return NOTICE.validate_python(found.notification.as_dict())
    except ValidationError as problem:
        LOG.error("notice %s cannot be read: %s", found.id, str(problem)[:300])
        return None


def _model(notice: Notice) -> NoticeModel:
    due_at = notice.due_at
    return NoticeModel(
        notice.id,
        instance=notice.instance_id,
        at=f"{notice.at.isoformat()}#{notice.id}",
        pending="pending" if due_at else None,
        due_at=int(due_at.timestamp()) if due_at else None,
        notification=dumped(NOTICE, notice),
        expires_at=notice.at + KEPT,
    )
