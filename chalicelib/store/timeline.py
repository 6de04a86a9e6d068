"""The timeline table. Entries are written with the change that they are about (`instances/items.py`)."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import MapAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.pagination import Page, build_list_name
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.store.dynamo import PREFIX, TableMeta
from chalicelib.store.paged_query import PagedQuery


class TimelineModel(Model):
    """A timeline entry of an instance. `seq` begins with the version of the record that was written with it."""

    class Meta(TableMeta):
        """The name of the table."""

        table_name = f"{PREFIX}-timeline"

    instance = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    at = UnicodeAttribute()
    actor = UnicodeAttribute()
    code = UnicodeAttribute()
    message = UnicodeAttribute()
    details: MapAttribute[str, Any] = MapAttribute(default=dict)
    expires_at = TTLAttribute(null=True)


class TimelineRepository:
    """The timeline table, for reading."""

    def list_page(self, instance_id: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
        """Return a page of an instance's timeline, oldest first.

        :raises ValidationFailed: the cursor is not one of this timeline
        """
        name = build_list_name("timeline", instance_id)
        query = PagedQuery(name, TimelineModel, ("instance", instance_id), ("seq",), newest_first=False)
        return query.fetch(_to_entry, limit, cursor)


def _to_entry(item: TimelineModel) -> TimelineEntry:
    return TimelineEntry(
        at=datetime.fromisoformat(item.at),
        actor=item.actor,
        code=EventCode(item.code),
        message=item.message,
        details={name: str(value) for name, value in item.details.as_dict().items()},
    )
