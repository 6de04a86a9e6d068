"""Estimate how long a move takes and what it costs, before it is requested."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import HOURS_PER_MONTH, InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.money import format_exact_usd, format_usd, round_usd
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.instances.hardware import describe_price
from chalicelib.domain.instances.move_choice import build_move_choice, find_on_demand_price
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec

TRANSFER_SOURCE = "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"
TRANSFER_PRICES: Mapping[str, Decimal] = dict.fromkeys(
    ("us-east-1", "us-east-2", "us-west-1", "us-west-2"), Decimal("0.02")
)
"""USD per GB that leaves a region for another one, at most. For other regions no source was read; it is unknown."""

SPOT_SOURCE = "EC2's spot price history, as of the last hourly reading"

COPY_GIB_PER_MINUTE = 5
"""Assumed speed of a first snapshot and of a copy: 80 MiB per second. AWS promises none."""

FIXED_TIME = timedelta(minutes=15)
"""Assumed time for the launch, the boot, a setup that skips what the disk has, and the waits between the steps."""


@dataclass(frozen=True, kw_only=True)
class MoveEstimate:
    """The duration and the costs of a move. Costs are maximums in US dollars: AWS bills only blocks with data.

    :param transfer_cost: of the copy to another region; 0 in the same region; None: its price is unknown
    :param storage_cost: of snapshots and of the second disk during the move
    :param price_per_hour: of the instance afterwards, on spot the lowest known one; None: unknown
    :param price_text: that price, as a sentence
    :param fallback: what happens if spot has no capacity there, as a sentence; empty: the move fails
    :param interruption: that EC2 can end the move, as a sentence; empty: it cannot
    :param sources: where the prices come from
    :param quota_excess: the quota that the move exceeds, for which it is refused, as a sentence; None: none is known
    """

    target: MoveTarget
    disk_gib: int | None
    duration: timedelta | None
    transfer_cost: Decimal | None
    storage_cost: Decimal | None
    price_per_hour: Decimal | None
    sources: tuple[str, ...]
    price_text: str = ""
    fallback: str = ""
    interruption: str = ""
    quota_excess: str | None = None

    @property
    def text(self) -> str:
        """The estimate in sentences."""
        refusal = f"gpudesk refuses the move now. {self.quota_excess}" if self.quota_excess else ""
        return " ".join(filter(None, (self._progress, self.price_text, self.fallback, self.interruption, refusal)))

    @property
    def _progress(self) -> str:
        if self.duration is None:
            return "gpudesk does not know the size of the disk, so it cannot say how long the move takes."
        copied = ""
        if self.transfer_cost != 0:
            copied = f" The copy to {self.target.region} costs {_describe(self.transfer_cost)}."
        return (
            f"The move takes about {format_duration(self.duration)}. Snapshots and the second disk cost "
            f"{_describe(self.storage_cost)} meanwhile.{copied}"
        )


def estimate_move(
    instance: Instance, target: MoveTarget, catalog: InstanceTypeCatalog, spot_price: Decimal | None = None
) -> MoveEstimate:
    """Return how long a move takes and what it costs.

    :param spot_price: the lowest known price of the target on spot, for an instance on spot; None: unknown
    """
    spec = instance.spec
    crosses = target.region != spec.region
    sources = (catalog.source, *((TRANSFER_SOURCE,) if crosses else ()))
    price = catalog.get_price(target.hardware.instance_type, target.region)
    if spec.market is Market.SPOT and spot_price is not None:
        price, sources = spot_price, (*sources, SPOT_SOURCE)
    unsized = MoveEstimate(
        target=target,
        disk_gib=None,
        duration=None,
        transfer_cost=None if crosses else Decimal(0),
        storage_cost=None,
        price_per_hour=price,
        sources=sources,
        price_text=_describe_price(spec, target, price, spot_price),
        fallback=_describe_fallback(spec, target),
        interruption=_describe_interruption(instance),
    )
    if spec.disk_gib is None:
        return unsized
    copies = 2 if crosses else 1
    duration = FIXED_TIME + copies * timedelta(minutes=spec.disk_gib / COPY_GIB_PER_MINUTE)
    hours = Decimal(str(duration / timedelta(hours=1)))
    per_month = catalog.get_snapshot_price_per_gib_month(spec.region)
    if crosses:
        per_month += catalog.get_snapshot_price_per_gib_month(target.region)
    per_hour = per_month / HOURS_PER_MONTH + catalog.get_disk_price_per_gib_hour(target.region)
    return replace(
        unsized,
        disk_gib=spec.disk_gib,
        duration=duration,
        transfer_cost=_estimate_transfer(spec.region, spec.disk_gib) if crosses else Decimal(0),
        storage_cost=round_usd(per_hour * spec.disk_gib * hours),
    )


def _describe_price(spec: Spec, target: MoveTarget, price: Decimal | None, spot_price: Decimal | None) -> str:
    name, bound = target.hardware.instance_type, ""
    if price is None:
        return describe_price(name, None)
    if spec.market is Market.SPOT:
        # EC2's maximum is the on-demand price, and which zone has capacity is not known.
        bound = "at most " if spot_price is None else "" if target.zone else "at least "
    return f"Afterwards, {name} costs {bound}{format_usd(price)} per hour while it runs."


def _describe_fallback(spec: Spec, target: MoveTarget) -> str:
    choice, price = build_move_choice(spec, target), find_on_demand_price(target)
    if choice is None or price is None or choice.max_price is None:
        return ""
    on_demand = format_exact_usd(price)
    if price > choice.max_price:
        limit = format_exact_usd(choice.max_price)
        return f"It is launched on spot only: on-demand costs {on_demand} per hour, and max_price is {limit}."
    return f"If spot has no capacity there, it is launched on-demand for {on_demand} per hour."


def _describe_interruption(instance: Instance) -> str:
    if not instance.observed.was_interrupted:
        return ""
    return (
        f"EC2 has interrupted {instance.name} and can start it again where it is. If that happens before the move has "
        "ended, the move fails."
    )


def _estimate_transfer(region: str, disk_gib: int) -> Decimal | None:
    price = TRANSFER_PRICES.get(region)
    return None if price is None else round_usd(price * disk_gib)


def _describe(cost: Decimal | None) -> str:
    return "an amount that gpudesk does not know" if cost is None else f"at most {format_usd(cost)}"
