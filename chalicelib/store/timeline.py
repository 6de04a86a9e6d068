"""Reading the timeline; it is written together with the change it tells of (`instances.py`)."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.plan import Entry
from chalicelib.store.cursors import cursor_of, start_of
from chalicelib.store.models import TimelineModel


@dataclass(frozen=True)
class TimelinePage:
    """Some of a timeline, and where it goes on."""

    items: tuple[Entry, ...]
    next_cursor: str | None


class Timeline:
    """The timeline table."""

    def page(self, instance_id: str, *, limit: int, cursor: str | None = None) -> TimelinePage:
        """Oldest first.

        :raises BadCursor: not a cursor of this timeline
        """
        start = start_of(cursor, ("instance", instance_id), "seq")
        results = TimelineModel.query(instance_id, limit=limit, last_evaluated_key=start)
        items = tuple(
            Entry(
                at=datetime.fromisoformat(row.at),
                actor=row.actor,
                code=EventCode(row.code),
                sentence=row.message,
                details={name: str(value) for name, value in row.details.as_dict().items()},
            )
            for row in results
        )
        return TimelinePage(items, cursor_of(results.last_evaluated_key))
