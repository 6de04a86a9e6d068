"""The part of segments that belongs to one month, in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.costs.day_parts import compute_day_costs
from chalicelib.domain.instances.billed_segment import BilledSegment


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC.

    :param first_day: its first day
    """

    first_day: date

    @classmethod
    def of(cls, now: datetime) -> "Month":
        """Return the month that a time belongs to."""
        return cls(now.astimezone(UTC).date().replace(day=1))

    def __str__(self) -> str:
        """Return the month as "2026-11"."""
        return f"{self.first_day:%Y-%m}"

    @property
    def begins_at(self) -> datetime:
        """The time at which the month begins."""
        return datetime.combine(self.first_day, datetime.min.time(), UTC)

    @property
    def ends_at(self) -> datetime:
        """The time at which the next month begins."""
        next_month = (self.first_day + timedelta(days=31)).replace(day=1)
        return datetime.combine(next_month, datetime.min.time(), UTC)


def sum_in_month(segments: Iterable[BilledSegment], month: Month) -> Decimal:
    """Return what segments cost in a month, in US dollars. It is the sum of the days of the month."""
    parts = (parts for part in clip_to_month(segments, month) for _, parts in compute_day_costs(part))
    return sum((sum(each, Decimal(0)) for each in parts), Decimal(0))


def clip_to_month(segments: Iterable[BilledSegment], month: Month) -> list[BilledSegment]:
    """Return the parts of segments in a month, without those outside it."""
    clipped = [
        replace(segment, since=max(segment.since, month.begins_at), until=min(segment.until, month.ends_at))
        for segment in segments
    ]
    return [segment for segment in clipped if segment.since < segment.until]
