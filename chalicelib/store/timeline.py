"""Reading the timeline; it is written together with the change it tells of (`instances.py`)."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.plan import Entry
from chalicelib.store.models import TimelineModel


@dataclass(frozen=True)
class TimelinePage:
    """Some of a timeline; `next_seq` is where it goes on."""

    items: tuple[Entry, ...]
    next_seq: str | None


class Timeline:
    """The timeline table."""

    def page(self, instance_id: str, *, limit: int, after: str | None = None) -> TimelinePage:
        """Oldest first."""
        condition = TimelineModel.seq > after if after else None
        results = TimelineModel.query(instance_id, condition, limit=limit)
        rows = list(results)
        items = tuple(
            Entry(
                at=datetime.fromisoformat(row.at),
                actor=row.actor,
                code=row.code,
                sentence=row.sentence,
                details={name: str(value) for name, value in row.details.as_dict().items()},
            )
            for row in rows
        )
        return TimelinePage(items, rows[-1].seq if rows and results.last_evaluated_key else None)
