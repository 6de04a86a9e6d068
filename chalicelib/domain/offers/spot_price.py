"""Find the price of an instance on spot, as of the last reading of its region."""

from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.deadlines import SPOT_PRICE_VALID_FOR
from chalicelib.domain.offers.offerings import RegionOfferings


def find_spot_price(offerings: RegionOfferings | None, instance_type: str, zone: str) -> Decimal | None:
    """Return US dollars per hour of a type on spot in a zone; None: unknown.

    An old price is returned, too: EC2 changes spot prices gradually, so it is the best that is known.

    :param offerings: what was last read of the region of the zone; None: nothing
    """
    offering = offerings.types.get(instance_type) if offerings else None
    return offering.spot.get(zone) if offering else None


def find_lowest_spot_price(offerings: RegionOfferings | None, instance_type: str) -> Decimal | None:
    """Return the lowest price in US dollars per hour of a type on spot in the zones of a region; None: unknown.

    :param offerings: what was last read of the region; None: nothing
    """
    offering = offerings.types.get(instance_type) if offerings else None
    return min((price for price in offering.spot.values() if price is not None), default=None) if offering else None


def find_current_spot_price(
    offerings: RegionOfferings | None, instance_type: str, zone: str, now: datetime
) -> Decimal | None:
    """Return the price for the bill of a running instance; None: it is unknown or old, so the last one stays.

    :param offerings: what was last read of the region of the zone; None: nothing
    """
    is_fresh = offerings is not None and now - offerings.read_at <= SPOT_PRICE_VALID_FOR
    return find_spot_price(offerings, instance_type, zone) if is_fresh else None
