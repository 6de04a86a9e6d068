"""Warn that a launch with `spot-or-on-demand` cannot fall back, because on-demand costs more than its `max_price`."""

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.money import format_exact_usd
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.launch.request import LaunchContext


def find_fallback_warning(choice: LaunchChoice, context: LaunchContext) -> WriteWarning | None:
    """Return the warning; None: an offer on-demand is cheap enough, or the launch may not fall back to one."""
    if Market.ON_DEMAND not in choice.markets[1:] or choice.max_price is None:
        return None
    regions = (choice.region,) if choice.is_region_fixed else context.deployed_regions
    prices = [
        (item.prices[region], region != choice.region, item.name, region)
        for item in context.catalog.types.values()
        for region in regions
        if region in item.prices
        and (
            item.name == choice.instance_type or (item.gpu in choice.gpus and item.whole_gpu_count == choice.gpu_count)
        )
    ]
    price, _, name, region = min(prices, default=(None, False, "", ""))
    if price is None or price <= choice.max_price:
        return None
    least = format_exact_usd(price)
    message = (
        f"The launch tries spot only: on-demand costs at least {least} per hour ({name} in {region}), and max_price is "
        f"{format_exact_usd(choice.max_price)}. To let it fall back, send a max_price of at least {least}."
    )
    return WriteWarning(WarningCode.NO_FALLBACK, message)
