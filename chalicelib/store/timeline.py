"""Reading the timeline; it is written together with the change it tells of (`instances.py`)."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.store.cursors import decode_cursor, encode_cursor
from chalicelib.store.models import TimelineModel


@dataclass(frozen=True)
class Page:
    """Some of a timeline, and where it goes on."""

    items: tuple[TimelineEntry, ...]
    next_cursor: str | None


class TimelineRepository:
    """The timeline table."""

    def page(self, instance_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Oldest first.

        :raises BadCursor: not a cursor of this timeline
        """
        start = decode_cursor(cursor, ("instance", instance_id), "seq")
        results = TimelineModel.query(instance_id, limit=limit, last_evaluated_key=start)
        items = tuple(
            TimelineEntry(
                at=datetime.fromisoformat(row.at),
                actor=row.actor,
                code=EventCode(row.code),
                message=row.message,
                details={name: str(value) for name, value in row.details.as_dict().items()},
            )
            for row in results
        )
        return Page(items, encode_cursor(results.last_evaluated_key))
