"""The progress of a start: what was requested with it, what AWS refused, and which other sizes may start."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.aws_errors import InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import join_or
from chalicelib.domain.instances.billing import Rates


@dataclass(frozen=True, kw_only=True)
class OtherSize:
    """Another instance type that may start in the zone of the disk.

    :param price: USD per hour
    :param price_ratio: to the price of the present type; None: that is unknown
    :param evidence: what launches and starts of it have shown in the zone, for people; empty: nothing
    """

    instance_type: str
    price: Decimal
    price_ratio: Decimal | None = None
    evidence: str = ""

    @property
    def text(self) -> str:
        """The type with its price, for people."""
        ratio = f", {self.price_ratio:.2f} times the price" if self.price_ratio is not None else ""
        return f"{self.instance_type} ({format_usd(self.price)} per hour{ratio})"


@dataclass(frozen=True, kw_only=True)
class StartState:
    """The state of the start of a stopped instance.

    :param wait_until: while AWS has no capacity, gpudesk tries until then; None: for `START_DEADLINE`
    :param instance_type: the type that the instance gets before it starts; None: the one that it has
    :param rates: of that type; None: it keeps its type
    :param refused_since: time of the first refusal for lack of capacity; None: AWS has not refused it
    :param retry_at: gpudesk does not try to start it before
    :param last_refusal: the last refusal, as a sentence
    :param other_sizes: those that may start instead, as of the last refusal
    """

    wait_until: datetime | None = None
    instance_type: str | None = None
    rates: Rates | None = None
    refused_since: datetime | None = None
    refusal_count: int = 0
    retry_at: datetime | None = None
    last_refusal: str = ""
    other_sizes: tuple[OtherSize, ...] = ()


class StartWithoutCapacity(InsufficientCapacity):
    """EC2 refused a start for lack of capacity. It knows the other sizes that may start in the zone of the disk."""

    def __init__(self, code: str, message: str, other_sizes: tuple[OtherSize, ...]) -> None:
        super().__init__(code, message)
        self.other_sizes = other_sizes


class StartBeyondQuota(QuotaExceeded):
    """EC2 refused a start for a quota in vCPUs. It knows the figures of the quota.

    :param figures: need, limit and use as gpudesk knows them, as sentences
    """

    def __init__(self, code: str, message: str, figures: str) -> None:
        super().__init__(code, message)
        self.figures = figures


def describe_capacity_advice(start: StartState, *, can_move: bool) -> str:
    """Return what a person can do about a start without capacity, as sentences.

    :param can_move: False: gpudesk did not launch the instance, so it cannot move it
    """
    other = ""
    if start.other_sizes:
        sizes = join_or(size.text for size in start.other_sizes)
        other = f" To start another size in the same zone, start it with instance_type: {sizes}."
    move = " Or move it to another zone or region. Its disk, name and id stay the same." if can_move else ""
    return f"To wait longer, start it with wait_until.{other}{move}"
