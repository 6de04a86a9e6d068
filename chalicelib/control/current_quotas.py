"""Read the quotas of a region as of now."""

from datetime import datetime

from chalicelib.domain.offers.current_quotas import CurrentQuotas, Types
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.store.repositories import Repositories


def read_current_quotas(
    stores: Repositories, region: str, offerings: RegionOfferings | None, types: Types, now: datetime
) -> CurrentQuotas:
    """Return the quotas of a region. The active records are read only if they can change what is known of the quotas.

    :param offerings: what was read of the region; None: nothing
    """
    reading = offerings.quotas if offerings else None
    is_known = reading is not None and not reading.is_stale(now)
    records = list(stores.instances.list_readable()) if is_known else []
    return CurrentQuotas(region=region, reading=reading, records=records, types=types, now=now)
