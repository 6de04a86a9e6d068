"""Costs of each owner on each UTC day."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.instances.metering import BilledSegment, split_segment_cost


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """Costs of the instances of one owner on one UTC day, in US dollars."""

    owner: str
    day: date
    instances: Decimal
    disks: Decimal
    addresses: Decimal

    @property
    def total(self) -> Decimal:
        """Sum of all costs."""
        return self.instances + self.disks + self.addresses


def sum_costs_per_day(segments: Iterable[BilledSegment], since: date, until: date) -> list[DayCost]:
    """Sum segments per owner and UTC day, sorted by day. Both limits are included."""
    sums: dict[tuple[date, str], list[Decimal]] = {}
    for segment in segments:
        for day, part in _split_by_day(segment):
            if since <= day <= until:
                row = sums.setdefault((day, segment.owner), [Decimal(0)] * 3)
                for index, amount in enumerate(split_segment_cost(part)):
                    row[index] += amount
    return [
        DayCost(
            owner=owner,
            day=day,
            instances=round_usd(instances),
            disks=round_usd(disks),
            addresses=round_usd(addresses),
        )
        for (day, owner), (instances, disks, addresses) in sorted(sums.items(), key=lambda item: item[0])
    ]


def _split_by_day(segment: BilledSegment) -> Iterator[tuple[date, BilledSegment]]:
    """Yield the part of a segment on each day."""
    begin = segment.since
    while begin < segment.until:
        midnight = datetime.combine(begin.date() + timedelta(days=1), datetime.min.time(), begin.tzinfo)
        end = min(midnight, segment.until)
        yield begin.date(), replace(segment, since=begin, until=end)
        begin = end
