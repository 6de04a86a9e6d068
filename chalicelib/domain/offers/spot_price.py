"""Find the price of an instance on spot, as of the last reading of its region."""

from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import SPOT_PRICE_VALID_FOR
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot_rates import to_spot_rates
from chalicelib.domain.offers.offerings import RegionOfferings


def find_spot_price(offerings: RegionOfferings | None, instance_type: str, zone: str) -> Decimal | None:
    """Return US dollars per hour of a type on spot in a zone; None: unknown.

    An old price is returned, too: EC2 changes spot prices gradually, so it is the best that is known.

    :param offerings: what was last read of the region of the zone; None: nothing
    """
    offering = offerings.types.get(instance_type) if offerings else None
    return offering.spot.get(zone) if offering else None


def find_current_rates(instance: Instance, offerings: RegionOfferings | None, now: datetime) -> Rates:
    """Return the rates of an instance at the spot price of this time; those of the record if that has no newer one.

    AWS bills an instance on spot at the price of the time, not at that of its launch:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html

    :param offerings: what was last read of its region; None: nothing
    """
    rates, ec2_instance = instance.billing.rates, instance.ec2_instance
    if ec2_instance is None or ec2_instance.market is not Market.SPOT or offerings is None:
        return rates
    price = find_spot_price(offerings, instance.spec.hardware.instance_type, ec2_instance.zone)
    is_fresh = now - offerings.read_at <= SPOT_PRICE_VALID_FOR
    return to_spot_rates(rates, price) if price is not None and is_fresh else rates
