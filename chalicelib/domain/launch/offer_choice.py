"""Record which offers a launch may try: what its request names, its maximum price, and how long it waits."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.money import format_exact_usd
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.capacity_wait import check_wait_until
from chalicelib.domain.instances.launch_choice import LaunchChoice, with_first_price
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import TypeChoice


def check_offer_choice(request: LaunchRequest, context: LaunchContext, choice: TypeChoice) -> Iterator[FieldError]:
    """Yield why the maximum price or the end of the wait is wrong.

    :param choice: the first offer
    """
    yield from check_wait_until(request.wait_until, context.now)
    if choice.instance_type and request.max_price is not None:
        yield from _check_max_price(request, request.max_price, context, choice.instance_type, choice.region)


def _check_max_price(
    request: LaunchRequest, maximum: Decimal, context: LaunchContext, item: InstanceType, region: str
) -> Iterator[FieldError]:
    """Yield that a maximum price is below the list price or, for a launch on spot, below every known price of the type.

    Spot prices differ between the regions, and a launch without a region tries all of them.
    """
    if request.market in (None, Market.ON_DEMAND):
        price, what = item.prices.get(region), f"the price of {item.name} in {region}"
    else:
        regions = (region,) if request.region or request.image else (region, *context.deployed_regions)
        known = {each: context.find_spot_price(each, item.name) for each in dict.fromkeys(regions)}
        price, where = min(((amount, each) for each, amount in known.items() if amount is not None), default=(None, ""))
        what = f"the lowest known price of {item.name} on spot, in {where}"
    if price is not None and price > maximum:
        least = format_exact_usd(price)
        message = f"must be at least {least}, {what}; or choose another region or type: GET /offers lists prices"
        yield FieldError("max_price", message)


def build_launch_choice(
    request: LaunchRequest, spec: Spec, context: LaunchContext, image: Image | None
) -> LaunchChoice:
    """Return the choice of a launch. What the request names is never left, and an image exists in one region only.

    :param spec: that of the first offer
    """
    is_type_open = request.gpu is not None and request.instance_type is None
    choice = LaunchChoice(
        instance_type=spec.hardware.instance_type,
        region=spec.region,
        gpus=context.catalog.match_gpus(request.gpu) if request.gpu and is_type_open else (),
        gpu_count=(request.gpu_count or 1) if is_type_open else None,
        is_region_fixed=request.region is not None or image is not None or len(context.deployed_regions) == 1,
        markets=(Market.SPOT, Market.ON_DEMAND) if spec.spot.can_fall_back else (spec.market,),
        max_price=request.max_price,
        is_max_price_requested=request.max_price is not None,
        wait_until=request.wait_until,
    )
    if Market.ON_DEMAND not in choice.markets:
        return choice
    priced = with_first_price(choice, context.catalog.get_price(choice.instance_type, choice.region))
    return priced if choice.markets[0] is Market.ON_DEMAND else replace(choice, max_price=priced.max_price)
