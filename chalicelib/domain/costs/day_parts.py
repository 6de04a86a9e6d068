"""Split the costs of a segment by UTC day, rounded.

Every sum of costs adds these parts, so the sum of a month is that of its days, by owner, project or instance.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.instances.billed_segment import BilledSegment, CostParts, split_segment_cost


def compute_day_costs(segment: BilledSegment) -> Iterator[tuple[date, CostParts]]:
    """Yield what a segment costs on each of its days, rounded."""
    for day, part in split_by_day(segment):
        yield day, CostParts(*map(round_usd, split_segment_cost(part)))


def split_by_day(segment: BilledSegment) -> Iterator[tuple[date, BilledSegment]]:
    """Yield the part of a segment on each day."""
    begin = segment.since
    while begin < segment.until:
        midnight = datetime.combine(begin.date() + timedelta(days=1), datetime.min.time(), begin.tzinfo)
        end = min(midnight, segment.until)
        yield begin.date(), replace(segment, since=begin, until=end)
        begin = end
