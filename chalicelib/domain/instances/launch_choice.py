"""The offers that a launch may try: what its request names, and what it leaves open."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.market import Market

MAX_PRICE_FACTOR = Decimal("1.25")
"""Without a `max_price` in the request, no offer may cost more than this times the price of the first one."""


@dataclass(frozen=True, kw_only=True)
class LaunchChoice:
    """The first offer of a launch, and the others that it may try. It never leaves what the request names.

    :param instance_type: the type of the first offer
    :param region: the region of the first offer
    :param gpus: names of the GPUs in the catalog that the request can mean; empty: the request names the type
    :param gpu_count: whole GPUs of each offer, if `gpus` is not empty
    :param is_region_fixed: the request names the region, gpudesk is set up in no other one, or the instance is launched
        from an image, which exists there
    :param markets: the markets of the request, the preferred one first
    :param first_price: USD per hour with which all offers are compared: the list price of the first type if it is
        launched on demand, otherwise the price of the first offer that is tried; None: no offer has been tried yet
    :param max_price: USD per hour of each offer; None: it is set together with `first_price`. If on-demand is the
        fallback, it follows from the list price at once
    :param is_max_price_requested: `max_price` is that of the request
    :param wait_until: the launch is tried again until then; None: until `LAUNCH_DEADLINE`
    """

    instance_type: str
    region: str
    gpus: tuple[str, ...] = ()
    gpu_count: int | None = None
    is_region_fixed: bool = True
    markets: tuple[Market, ...] = (Market.ON_DEMAND,)
    first_price: Decimal | None = None
    max_price: Decimal | None = None
    is_max_price_requested: bool = False
    wait_until: datetime | None = None

    @property
    def is_type_fixed(self) -> bool:
        """Return whether every offer has the type of the first one."""
        return not self.gpus

    @property
    def has_other_offers(self) -> bool:
        """Return whether the launch may try another type, region or market than those of the first offer."""
        return not (self.is_type_fixed and self.is_region_fixed and len(self.markets) == 1)

    @property
    def has_other_quotas(self) -> bool:
        """Return whether another offer may count towards another quota. All types with one GPU share a quota."""
        return not self.is_region_fixed or len(self.markets) > 1 or len(self.gpus) > 1

    @property
    def is_price_fixed(self) -> bool:
        """Return whether every offer has the price of the first one: the list price of a type in a region."""
        return self.is_type_fixed and self.is_region_fixed and self.markets == (Market.ON_DEMAND,)

    def is_first(self, instance_type: str, region: str, market: Market) -> bool:
        """Return whether an offer has the type and the region of the first one, and the preferred market."""
        return (instance_type, region, market) == (self.instance_type, self.region, self.markets[0])


def with_first_price(choice: LaunchChoice, price: Decimal | None) -> LaunchChoice:
    """Return the choice with the price of the first offer, and with the maximum that follows from it.

    Both are set once: a launch that has begun keeps them.
    """
    if price is None or choice.first_price is not None:
        return choice
    maximum = price * MAX_PRICE_FACTOR if choice.max_price is None else choice.max_price
    return replace(choice, first_price=price, max_price=maximum)
