"""The ledger table: billed segments, written with the change that ends them (`instances/items.py`)."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import LEDGER_RETENTION
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.stored_type import StoredType

SEGMENT = StoredType(BilledSegment)


class LedgerModel(TableModel):
    """A billed segment of time, under the month in which it ended."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "ledger"

    month = UnicodeAttribute(hash_key=True)
    sort_key = UnicodeAttribute(range_key=True)
    segment = UnicodeAttribute()
    expires_at = TTLAttribute(null=True)


class LedgerRepository:
    """The ledger table, for reading."""

    def list_segments(
        self, since: date, today: date, owner: str | None = None, *, consistent: bool = False
    ) -> Iterator[BilledSegment]:
        """Yield all segments of one owner, or of everybody, that ended in the month of `since` or later.

        :param consistent: with all that was written before the call
        """
        condition = LedgerModel.sort_key.startswith(f"{owner}#") if owner else None
        month = since.replace(day=1)
        while month <= today:
            for item in LedgerModel.query(f"{month:%Y-%m}", condition, consistent_read=consistent):
                yield SEGMENT.decode(item.segment)
            month = (month + timedelta(days=31)).replace(day=1)


def add_ledger_segments(changes: TransactWrite, segments: Iterable[BilledSegment]) -> None:
    """Add billed segments to the transaction that ends them."""
    for segment in segments:
        key = f"{segment.owner}#{segment.since.isoformat()}#{segment.image_id or segment.instance_id}"
        expires_at = segment.until + LEDGER_RETENTION
        changes.save(LedgerModel(f"{segment.until:%Y-%m}", key, segment=SEGMENT.encode(segment), expires_at=expires_at))
