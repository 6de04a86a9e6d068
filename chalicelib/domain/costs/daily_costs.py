"""Costs by day and owner."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.instances.metering import BilledSegment, split_segment_cost


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """What one owner's instances cost on one UTC day, in US dollars."""

    owner: str
    day: date
    instances: Decimal
    disks: Decimal
    addresses: Decimal

    @property
    def total(self) -> Decimal:
        return self.instances + self.disks + self.addresses


def costs_per_day(segments: Iterable[BilledSegment], since: date, until: date) -> list[DayCost]:
    """Sum segments per owner and UTC day; both days are included."""
    sums: dict[tuple[str, date], list[Decimal]] = {}
    for segment in segments:
        for day, part in _days(segment):
            if since <= day <= until:
                row = sums.setdefault((segment.owner, day), [Decimal(0)] * 3)
                for index, value in enumerate(split_segment_cost(part)):
                    row[index] += value
    return [
        DayCost(owner=owner, day=day, instances=round_usd(i), disks=round_usd(d), addresses=round_usd(a))
        for (owner, day), (i, d, a) in sorted(sums.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def _days(segment: BilledSegment) -> Iterator[tuple[date, BilledSegment]]:
    begin = segment.since
    while begin < segment.until:
        midnight = datetime.combine(begin.date() + timedelta(days=1), datetime.min.time(), begin.tzinfo)
        end = min(midnight, segment.until)
        yield begin.date(), replace(segment, since=begin, until=end)
        begin = end
