"""Read the quotas of a region as of now."""

from datetime import datetime

from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas, Types
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.store.repositories import Repositories


def read_current_quotas(
    stores: Repositories, region: str, reading: QuotaReading | None, types: Types, now: datetime
) -> CurrentQuotas:
    """Return the quotas of a region. The active records are read only if they can change what is known of the quotas.

    :param reading: None: the quotas have not been read
    """
    is_known = reading is not None and not reading.is_stale(now)
    active = stores.instances.list_active() if is_known else ()
    records = [record for record in active if isinstance(record, Instance)]
    return CurrentQuotas(region=region, reading=reading, records=records, types=types, now=now)
