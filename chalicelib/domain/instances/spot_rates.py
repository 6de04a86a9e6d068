"""The rates of an instance on spot: its price in its zone, and the on-demand price that it is compared with.

gpudesk sends no maximum price, as AWS recommends. EC2 then takes the on-demand price as the maximum, so that is the
most that an instance on spot costs: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SpotMarketOptions.html
"""

from dataclasses import replace
from decimal import Decimal

from chalicelib.domain.common.money import format_usd
from chalicelib.domain.instances.billing import Rates


def to_spot_rates(rates: Rates, spot_price: Decimal | None) -> Rates:
    """Return the rates on spot.

    :param spot_price: US dollars per hour in the zone; None: unknown, and the on-demand price is used
    """
    on_demand = rates.instance if rates.on_demand is None else rates.on_demand
    return replace(rates, instance=on_demand if spot_price is None else spot_price, on_demand=on_demand)


def to_on_demand_rates(rates: Rates) -> Rates:
    """Return the rates on-demand."""
    return rates if rates.on_demand is None else replace(rates, instance=rates.on_demand, on_demand=None)


def describe_spot_saving(rates: Rates) -> str:
    """Return what the type costs on spot and on-demand, as a sentence after a space; empty on-demand."""
    if rates.on_demand is None or rates.instance is None:
        return ""
    spot, on_demand = format_usd(rates.instance), format_usd(rates.on_demand)
    return f" The instance alone costs {spot} on spot now, and {on_demand} on-demand."
