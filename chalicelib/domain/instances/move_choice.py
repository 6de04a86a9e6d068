"""The offers that an instance may be launched as when it moves."""

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_choice import LaunchChoice, with_first_price
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.spec import Spec


def build_move_choice(spec: Spec, target: MoveTarget) -> LaunchChoice | None:
    """Return the choice of an instance on spot that may fall back to on-demand; None: it keeps its market.

    As at its launch, no offer costs more than the `max_price` of its request, or else 1.25 times the on-demand price.

    :param spec: before the move
    """
    if not (spec.market is Market.SPOT and spec.spot.can_fall_back):
        return None
    before, rates = spec.launch_choice, target.rates
    choice = LaunchChoice(
        instance_type=target.hardware.instance_type,
        region=target.region,
        markets=(Market.SPOT, Market.ON_DEMAND),
        max_price=before.max_price if before and before.is_max_price_requested else None,
        is_max_price_requested=before is not None and before.is_max_price_requested,
    )
    return with_first_price(choice, rates.instance if rates.on_demand is None else rates.on_demand)
