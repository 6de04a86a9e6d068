"""The offers that an instance may be launched as when it moves."""

from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_choice import MAX_PRICE_FACTOR, LaunchChoice
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.spec import Spec


def build_move_choice(spec: Spec, target: MoveTarget) -> LaunchChoice | None:
    """Return the choice of an instance on spot that may fall back to on-demand; None: it keeps its market.

    As at its launch, no offer costs more than the `max_price` of its request, or else 1.25 times the on-demand price.

    :param spec: before the move
    """
    if not (spec.market is Market.SPOT and spec.spot.can_fall_back):
        return None
    before, on_demand = spec.launch_choice, find_on_demand_price(target)
    default = None if on_demand is None else on_demand * MAX_PRICE_FACTOR
    is_requested = before is not None and before.is_max_price_requested
    return LaunchChoice(
        instance_type=target.hardware.instance_type,
        region=target.region,
        markets=(Market.SPOT, Market.ON_DEMAND),
        max_price=before.max_price if before and is_requested else default,
        is_max_price_requested=is_requested,
    )


def list_move_markets(spec: Spec, target: MoveTarget) -> tuple[Market, ...]:
    """Return the markets that a move may use, the preferred one first.

    :param spec: before the move
    """
    choice, price = build_move_choice(spec, target), find_on_demand_price(target)
    if choice is None:
        return (spec.market,)
    is_affordable = price is None or choice.max_price is None or price <= choice.max_price
    return choice.markets if is_affordable else choice.markets[:1]


def find_on_demand_price(target: MoveTarget) -> Decimal | None:
    """Return US dollars per hour of the type at the target on-demand; None: unknown."""
    rates = target.rates
    return rates.instance if rates.on_demand is None else rates.on_demand
