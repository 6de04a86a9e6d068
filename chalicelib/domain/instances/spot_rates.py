"""The rates of an instance on spot: its price in its zone, and the on-demand price that it is compared with.

gpudesk sends no maximum price, as AWS recommends. EC2 then takes the on-demand price as the maximum, so that is the
most that an instance on spot costs: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SpotMarketOptions.html
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.record import Instance

FindSpotPrice = Callable[[str, str, str], Decimal | None]
"""Return US dollars per hour on spot, given region, type and zone; None: unknown."""


def to_spot_rates(rates: Rates, spot_price: Decimal | None) -> Rates:
    """Return the rates on spot.

    :param spot_price: US dollars per hour in the zone; None: unknown, and the on-demand price is used
    """
    on_demand = rates.instance if rates.on_demand is None else rates.on_demand
    return replace(rates, instance=on_demand if spot_price is None else spot_price, on_demand=on_demand)


def update_spot_rates(instance: Instance, find_spot_price: FindSpotPrice) -> Instance:
    """Return the record of a running spot instance with the price of this time; others stay as they are.

    AWS bills spot at the price of the time, not at that of the launch:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances.html
    """
    ec2_instance = instance.ec2_instance
    if ec2_instance is None or ec2_instance.market is not Market.SPOT or ec2_instance.state is not Ec2State.RUNNING:
        return instance
    price = find_spot_price(instance.spec.region, instance.spec.hardware.instance_type, ec2_instance.zone)
    if price is None:
        return instance
    return replace(instance, billing=replace(instance.billing, rates=to_spot_rates(instance.billing.rates, price)))


def describe_spot_saving(rates: Rates) -> str:
    """Return what the type costs on spot and on-demand, as a sentence after a space; empty on-demand."""
    if rates.on_demand is None or rates.instance is None:
        return ""
    spot, on_demand = format_usd(rates.instance), format_usd(rates.on_demand)
    return f" The instance alone costs {spot} on spot now, and {on_demand} on-demand."
