"""The timeline table. Entries are written with the change that they are about."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pynamodb.attributes import MapAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import TIMELINE_RETENTION
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.pagination import Page, build_list_name
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.paged_query import PagedQuery


class TimelineModel(TableModel):
    """A timeline entry of an instance or of the desk. `seq` begins with the version that was written with it."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "timeline"

    instance = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    at = UnicodeAttribute()
    actor = UnicodeAttribute()
    code = UnicodeAttribute()
    message = UnicodeAttribute()
    details: MapAttribute[str, Any] = MapAttribute(default=dict)
    expires_at = TTLAttribute(null=True)


def append_timeline(changes: TransactWrite, subject_id: str, version: int, entries: Iterable[TimelineEntry]) -> None:
    """Add the timeline entries that come with a version of a record.

    :param subject_id: the id of the instance, or DESK_ID for the settings of the desk
    """
    for number, entry in enumerate(entries):
        changes.save(
            TimelineModel(
                subject_id,
                f"{version:08}.{number:02}",
                at=entry.at.isoformat(),
                actor=entry.actor,
                code=str(entry.code),
                message=entry.message,
                details={name: str(value) for name, value in entry.details.items()},
                expires_at=entry.at + TIMELINE_RETENTION,
            )
        )


class TimelineRepository:
    """The timeline table, for reading."""

    def list_page(self, subject_id: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
        """Return a page of the timeline of an instance or of the desk, oldest first.

        :raises ValidationFailed: the cursor is not one of this timeline
        """
        name = build_list_name("timeline", subject_id)
        query = PagedQuery(name, TimelineModel, ("instance", subject_id), ("seq",), newest_first=False)
        return query.fetch(_to_entry, limit, cursor)


def _to_entry(item: TimelineModel) -> TimelineEntry:
    return TimelineEntry(
        at=datetime.fromisoformat(item.at),
        actor=item.actor,
        code=EventCode(item.code),
        message=item.message,
        details={name: str(value) for name, value in item.details.as_dict().items()},
    )
