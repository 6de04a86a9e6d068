"""A period in which an instance or an image was billed, and what it cost, by what is billed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chalicelib.domain.instances.billing import BillingState, Rates

HOUR = Decimal(3600)


class CostParts(NamedTuple):
    """Costs in US dollars: of the instance, of its disk, of its public IPv4 address, and of its images."""

    instance: Decimal = Decimal(0)
    disk: Decimal = Decimal(0)
    address: Decimal = Decimal(0)
    images: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class BilledSegment:
    """A period in which one instance, or one image of it, was billed in one state.

    :param image_id: the image that is billed; None: the instance itself is
    :param saves_until: see `Meter`
    """

    owner: str
    instance_id: str
    name: str
    state: BillingState
    since: datetime
    until: datetime
    rates: Rates
    project: str | None = None
    image_id: str | None = None
    saves_until: datetime | None = None

    @property
    def has_unknown_cost(self) -> bool:
        """Return whether gpudesk does not know all prices of the segment, so that its cost is incomplete."""
        is_running = self.state is BillingState.RUNNING
        return self.rates.disk is None or (self.rates.instance is None and is_running)


def compute_segment_cost(segment: BilledSegment) -> Decimal:
    """Return the cost of a segment in US dollars."""
    return sum(split_segment_cost(segment), Decimal(0))


def split_segment_cost(segment: BilledSegment) -> CostParts:
    """Return the cost of a segment by what is billed. A part without a known price costs 0."""
    hours = Decimal(str((segment.until - segment.since).total_seconds())) / HOUR
    disk = (segment.rates.disk or Decimal(0)) * hours
    match segment.state:
        case BillingState.IMAGE:
            return CostParts(images=disk)
        case BillingState.STOPPED:
            return CostParts(disk=disk)
        case _:
            return CostParts((segment.rates.instance or Decimal(0)) * hours, disk, segment.rates.address * hours)


def add_parts(one: CostParts, other: CostParts) -> CostParts:
    """Return the sums of two costs."""
    return CostParts(*(first + second for first, second in zip(one, other, strict=True)))
