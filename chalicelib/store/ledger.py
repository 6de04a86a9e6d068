"""What was billed; written together with the change of state that ended it (`instances.py`)."""

from collections.abc import Iterator
from datetime import date

from chalicelib.domain.instances.metering import BilledSegment
from chalicelib.store.codec import SEGMENT
from chalicelib.store.models import LedgerModel


class LedgerRepository:
    """The ledger table: a segment is kept under the month in which it ended."""

    def list_segments(self, since: date, today: date, owner: str | None = None) -> Iterator[BilledSegment]:
        """All segments that may touch the days from `since` on: those that ended then or later."""
        month = since.replace(day=1)
        while month <= today:
            condition = LedgerModel.sort_key.startswith(f"{owner}#") if owner else None
            for row in LedgerModel.query(f"{month:%Y-%m}", condition):
                yield SEGMENT.validate_python(row.segment.as_dict())
            month = (month.replace(day=28) + (date(2000, 1, 5) - date(2000, 1, 1))).replace(day=1)
