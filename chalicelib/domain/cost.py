"""What an instance costs: seconds times price, kept with the state changes.

AWS bills a running instance and its public IPv4 by the second, and the disk for as long as it exists
(https://aws.amazon.com/ec2/pricing/on-demand/, https://aws.amazon.com/ebs/pricing/).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.instance import Ec2State, Instance, Machine, Meter, Metered, Rates

HOUR = Decimal(3600)
CENT_FRACTION = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of time in which one instance was billed in one way."""

    owner: str
    instance_id: str
    name: str
    state: Metered
    since: datetime
    until: datetime
    rates: Rates
    project: str | None = None


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


def metered(machine: Machine | None) -> Metered:
    """What AWS bills for a machine in its state; a stop counts only once EC2 says stopped."""
    match machine.state if machine else None:
        case None | Ec2State.TERMINATED:
            return Metered.NOTHING
        case Ec2State.STOPPED:
            return Metered.STOPPED
        case _:
            return Metered.RUNNING


def read_meter(before: Instance, after: Instance, now: datetime) -> tuple[Instance, tuple[Segment, ...]]:
    """Close what was metered before where the change from `before` to `after` changes what is billed.

    A stretch of running begins with EC2's own LaunchTime, where that is later than what went before; what was taken for
    gone and found alive begins where it was taken for gone.

    :returns: `after` with its meter set, and the segments that ended
    """
    state = metered(after.machine)
    if state is before.meter.state:
        return replace(after, meter=before.meter), ()
    began = now
    if state is Metered.RUNNING and after.machine:
        earliest = before.meter.since or before.terminated_at or after.machine.launched_at
        began = min(now, max(earliest, after.machine.launched_at))
    ended = _segment(before, began)
    spent = before.meter.spent + (amount(ended) if ended else Decimal(0))
    meter = Meter(state=state, since=None if state is Metered.NOTHING else began, spent=spent)
    return replace(after, meter=meter), (ended,) if ended else ()


def cost_so_far(instance: Instance, now: datetime) -> Decimal:
    """US dollars from the first second until now."""
    running = _segment(instance, now)
    return money(instance.meter.spent + (amount(running) if running else Decimal(0)))


def open_segment(instance: Instance, now: datetime) -> Segment | None:
    """The stretch that is being billed now, as if it ended now."""
    return _segment(instance, now)


def amount(segment: Segment) -> Decimal:
    """What a segment costs in all."""
    return sum(_amounts(segment), Decimal(0))


def per_day(segments: Iterable[Segment], since: date, until: date) -> list[DayCost]:
    """Sum segments per owner and UTC day; both days are included."""
    sums: dict[tuple[str, date], list[Decimal]] = {}
    for segment in segments:
        for day, part in _days(segment):
            if since <= day <= until:
                row = sums.setdefault((segment.owner, day), [Decimal(0)] * 3)
                for index, value in enumerate(_amounts(part)):
                    row[index] += value
    return [
        DayCost(owner=owner, day=day, instances=money(i), disks=money(d), addresses=money(a))
        for (owner, day), (i, d, a) in sorted(sums.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def money(value: Decimal) -> Decimal:
    """Millionths of a dollar: a gp3 GiB-second is less than a ten-millionth, a rounded hour is still right."""
    return value.quantize(CENT_FRACTION)


def _segment(instance: Instance, until: datetime) -> Segment | None:
    meter = instance.meter
    if meter.state is Metered.NOTHING or meter.since is None or until <= meter.since:
        return None
    return Segment(
        owner=instance.owner,
        instance_id=instance.id,
        name=instance.name,
        project=instance.spec.project,
        state=meter.state,
        since=meter.since,
        until=until,
        rates=instance.rates,
    )


def _amounts(segment: Segment) -> tuple[Decimal, Decimal, Decimal]:
    hours = Decimal(str((segment.until - segment.since).total_seconds())) / HOUR
    if segment.state is Metered.STOPPED:
        return Decimal(0), segment.rates.disk * hours, Decimal(0)
    return segment.rates.instance * hours, segment.rates.disk * hours, segment.rates.address * hours


def _days(segment: Segment) -> Iterator[tuple[date, Segment]]:
    begin = segment.since
    while begin < segment.until:
        midnight = datetime.combine(begin.date() + timedelta(days=1), datetime.min.time(), begin.tzinfo)
        end = min(midnight, segment.until)
        yield begin.date(), replace(segment, since=begin, until=end)
        begin = end
