"""Define an offer: one instance type in one zone on one market, with its price and what launches there have shown."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.deadlines import ON_DEMAND_PRICE_VALID_FOR, SPOT_PRICE_VALID_FOR
from chalicelib.domain.common.text import format_date_time


class Market(StrEnum):
    """How EC2 sells an instance."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


class PriceSource(StrEnum):
    """Where gpudesk has a price from.

    - `catalog`: the list prices that are packaged with gpudesk
    - `spot_price_history`: DescribeSpotPriceHistory of EC2
    """

    CATALOG = "catalog"
    SPOT_PRICE_HISTORY = "spot_price_history"


PRICE_VALID_FOR = {
    PriceSource.CATALOG: ON_DEMAND_PRICE_VALID_FOR,
    PriceSource.SPOT_PRICE_HISTORY: SPOT_PRICE_VALID_FOR,
}


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price of an instance type.

    :param read_at: the price was valid at this time
    """

    usd_per_hour: Decimal
    source: PriceSource
    read_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Return whether the price may have changed since it was read."""
        return now - self.read_at > PRICE_VALID_FOR[self.source]


@dataclass(frozen=True, kw_only=True)
class LaunchHistory:
    """The outcome of gpudesk's own launches on an offer.

    :param try_count: calls of RunInstances that EC2 accepted or refused for lack of capacity
    :param refused_at: the last lack of capacity; None: there was none
    """

    try_count: int = 0
    launch_count: int = 0
    refused_at: datetime | None = None

    @property
    def likelihood(self) -> float:
        """The estimated probability that a launch succeeds. Without tries it is 1/2 (Laplace's rule of succession)."""
        return (self.launch_count + 1) / (self.try_count + 2)

    def describe(self) -> str:
        """Return the evidence as a sentence; empty if there is none."""
        if not self.try_count:
            return ""
        text = f"Launched in {self.launch_count} of {self.try_count} {'try' if self.try_count == 1 else 'tries'}"
        return f"{text}, last refused {format_date_time(self.refused_at)}." if self.refused_at else f"{text}."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way to get an instance.

    :param price: None: unknown
    :param distance_km: from the place that the search is for; None: unknown
    """

    instance_type: str
    region: str
    zone: str
    market: Market
    price: Price | None = None
    distance_km: int | None = None
    history: LaunchHistory = LaunchHistory()

    @property
    def key(self) -> str:
        """The text that no other offer has."""
        return f"{self.instance_type}/{self.zone}/{self.market}"
